"""The VPC API of Alibaba Cloud: the only place that knows its JSON, codes and signature.

signing      a request → its signature                                  pure
credentials  the official default chain, in a thread
auth         signs every attempt, as an `httpx.Auth`
endpoints    a region → its host
transport    one HTTP attempt: what was sent, what is lost
responses    JSON → models, field by field                              pure
tunnels      the part of a connection that is only watched              pure
paging       pages → a list that is whole, or an error
codes        the vendor's error codes in plain words                    pure
errors       an answer → an error of `bot.errors`                       pure
client       the calls
recording    the answers to our reads in a file, without what `redaction` takes away
"""
