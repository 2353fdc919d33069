// Times as people read them: Slack's date tokens, stamps of messages, dividers between days.
// Pure functions of epoch seconds; the reader's time zone is the browser's.

const format = (options) => new Intl.DateTimeFormat("en-GB", options);

const TIME = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const TIME_SECS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHORT = format({ day: "numeric", month: "short", year: "numeric" });
const LONG = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const DAY = format({ weekday: "long", day: "numeric", month: "long" });

const at = (seconds) => new Date(seconds * 1000);

/** 14:05 */
export const clock = (seconds) => TIME.format(at(seconds));

/** 14:05:02 */
export const clockSeconds = (seconds) => TIME_SECS.format(at(seconds));

/** "Today", "Yesterday" or the date, for the divider above a day's messages. */
export function dayName(seconds, now = Date.now() / 1000) {
  return near(seconds, now) ?? DAY.format(at(seconds));
}

function near(seconds, now = Date.now() / 1000) {
  const day = (s) => at(s).toDateString();
  if (day(seconds) === day(now)) return "Today";
  if (day(seconds) === day(now - 86400)) return "Yesterday";
  return day(seconds) === day(now + 86400) ? "Tomorrow" : null;
}

/** Those of Slack's tokens that the bot writes; another one stays as it is. */
const TOKENS = {
  "{date_long}": (s) => LONG.format(at(s)),
  "{date_short_pretty}": (s) => near(s)?.toLowerCase() ?? SHORT.format(at(s)),
  "{time}": clock,
  "{time_secs}": clockSeconds,
};

/** Slack's `<!date^…>`: the format with its tokens filled in; null when it makes no sense. */
export function formatDate(seconds, text) {
  if (!Number.isFinite(seconds) || !text) return null;
  return text.replace(/\{[a-z_]+\}/g, (token) => TOKENS[token]?.(seconds) ?? token);
}
