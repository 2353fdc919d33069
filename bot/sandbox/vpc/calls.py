"""The record of every call that came in, for tests and for the sandbox's page."""

import msgspec

SUCCESS = "OK"


class Call(msgspec.Struct, kw_only=True):
    """One call. It never holds a secret: no signature, no security token, no answer.

    `code` is empty while the call is in hand, then `OK` or the vendor's error code (empty for
    good where a fault left no answer). `fault` is the kind of the last fault that struck.
    `effect`: this very call has started a change; a repeated answer has not. `overlap`: it
    asked for a change while another one was running on the connection.
    """

    at: float
    alibaba_request_id: str
    method: str = ""
    action: str = ""
    params: dict[str, str] = {}
    access_key_id: str = ""
    code: str = ""
    fault: str = ""
    effect: bool = False
    overlap: bool = False
    ended: bool = False

    @property
    def region(self) -> str:
        """The region that the caller names."""
        return self.params.get("RegionId", "")

    @property
    def vpn_connection_id(self) -> str:
        """The connection that the caller names."""
        return self.params.get("VpnConnectionId", "")

    @property
    def client_token(self) -> str:
        """The caller's ClientToken."""
        return self.params.get("ClientToken", "")

    @property
    def summary(self) -> str:
        """What the call is about, in a few words."""
        if "RouteDest" in self.params:
            weight = self.params.get("Weight", "?")
            return f"{self.params['RouteDest']} weight {weight} on {self.vpn_connection_id}"
        return self.vpn_connection_id or self.region
