"""What is measured, and which bars hold there."""
from dataclasses import dataclass

PEERS = ("nginx", "HAProxy", "Envoy")


@dataclass(frozen=True)
class Bar:
    """A ratio to a peer that must be reached; `what` names a figure of bench/peers/report.py."""
    what: str
    peer: str
    at_most: float = 0
    at_least: float = 0


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    peers: tuple = PEERS
    limits: bool = False
    tokens: str = ""          # "": no check; "one": the same again and again; "known", "new": a file of them
    bars: tuple = ()
    remark: str = ""


PROXY_BARS = (
    Bar("cpu", "nginx", at_most=1.15),
    Bar("paced", "nginx", at_most=1.15),
    Bar("p99", "nginx", at_most=1.0),
    Bar("growth", "nginx", at_most=1.5),
)
CHECKERS = ("HAProxy", "Envoy")
NO_NGINX = "nginx's free build checks no JWTs (`auth_jwt` is in the commercial one), so it is not here."

SECTIONS = (
    Section("plain", "Reverse proxy", bars=PROXY_BARS),
    Section("limits", "With a limit for each address", limits=True, bars=PROXY_BARS,
            remark="The limits are so large that none is reached; they are counted. "
                   "Denizen counts one for the whole process as well."),
    Section("repeated", "With ES256 tokens, the same one again and again", CHECKERS, tokens="one",
            bars=(Bar("rate", "HAProxy", at_least=2.0),), remark=NO_NGINX),
    Section("renewed", "With ES256 tokens, each a new one of the same 1,000 people", CHECKERS, tokens="known",
            bars=(Bar("rate", "HAProxy", at_least=1.2),), remark=NO_NGINX),
    Section("new", "With ES256 tokens, each a new one of somebody new", CHECKERS, tokens="new",
            bars=(Bar("rate", "HAProxy", at_least=1.2),),
            remark=NO_NGINX + " Denizen also signs a token for the upstream for everybody it has not seen; the others do not."),
)
