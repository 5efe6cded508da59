"""One of three upstreams is killed, hangs, and gets slow, under a steady load of requests that may be repeated."""
import asyncio, os, signal, sys, time

from harness import http1
from harness.load import Load, Request, bad, latencies, tally
from harness.processes import Process, free_port

TITLE = "An upstream of three dies, hangs, is slow"
RATE = 400      # requests a second
TRY = 1.0       # seconds that one try may take
SLOW = 2000     # milliseconds
EJECTED = 5.0   # seconds for the first time
LEAVES = 3.0    # seconds until no request meets the bad one: two checks, or five failures in a row
RETURNS = 3.0   # seconds until it has requests again: one check
NAMES = ("a", "b", "c")

TOML = """
[[gateway.upstreams]]
name = "three"
targets = [{targets}]
balance = "{balance}"
health = {{ path = "/health", interval = "1s", timeout = "500ms", unhealthy_after = 2, healthy_after = 1 }}
passive = {{ failures = 5, eject_for = "{ejected}s" }}
[[gateway.routes]]
name = "three"
match = {{ path = "/three/{{*rest}}" }}
upstream = "three"
auth = "none"
try_timeout = "{tried}s"
timeout = "10s"
"""


class Phase:
    """What was done to the upstream `b`, when, and what it is about: a break, a mend, or neither."""

    def __init__(self, name, seconds, act=None, kind=""):
        self.name, self.seconds, self.act, self.kind = name, seconds, act, kind


def upstream(lab, name, port):
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upstream.py")
    return Process(f"upstream-{name}", [sys.executable, program, str(port), name], lab.folder)


async def slow(port, milliseconds):
    # Answered before or after it is slow, as it may be.
    await http1.once(port, "GET", f"/control/slow/{milliseconds}", timeout=10)


def phases(lab, victim, port):
    async def kill():
        victim.kill()

    async def start():
        victim.start()

    async def halt():
        victim.signal(signal.SIGSTOP)

    async def go_on():
        victim.signal(signal.SIGCONT)

    return [
        Phase("calm", lab.seconds(6)),
        Phase("`b` killed (-9)", lab.seconds(8), kill, "break"),
        Phase("`b` started again", lab.seconds(8), start, "mend"),
        Phase("`b` halted (SIGSTOP)", lab.seconds(10), halt, "break"),
        Phase("`b` goes on (SIGCONT)", lab.seconds(8), go_on, "mend"),
        Phase(f"`b` answers after {SLOW / 1000:.0f} s, its checks at once", lab.seconds(12), lambda: slow(port, SLOW), "break"),
        Phase("`b` is quick again", max(lab.seconds(14), 12), lambda: slow(port, 0), "mend"),
    ]


def touched(sample):
    """Whether it met the bad one: answered by it, failed, or late by a try that came to nothing."""
    return not sample.good or sample.answer.content == b"b" or sample.took > TRY * 900


def leaves(samples, begin):
    """Seconds until a whole second goes by in which no request that is due meets the bad one."""
    last = begin
    for sample in sorted((sample for sample in samples if touched(sample)), key=lambda sample: sample.due):
        if sample.due - last > 1:
            break
        last = sample.due
    return last - begin


def returns(samples, begin):
    """Seconds until the first answer of the one that was bad."""
    ended = [sample.ended for sample in samples if sample.good and sample.answer.content == b"b" and sample.took < TRY * 900]
    return min(ended, default=float("inf")) - begin


def row(phase, samples, begin):
    count = len(samples) or 1
    shares = [f"{sum(sample.good and sample.answer.content == name.encode() for sample in samples) / count:.0%}" for name in NAMES]
    late = sum(sample.took > TRY * 900 for sample in samples)
    moved = {"break": f"left after {leaves(samples, begin):.2f} s", "mend": f"back after {returns(samples, begin):.2f} s"}
    return [phase.name, len(samples), len(bad(samples)), *latencies(samples), late, " / ".join(shares), moved.get(phase.kind, "–")]


async def run(lab, report):
    ports = {name: free_port() for name in NAMES}
    victims = {name: lab.started(upstream(lab, name, port)) for name, port in ports.items()}
    targets = ", ".join(f'{{ url = "http://127.0.0.1:{port}" }}' for port in ports.values())
    toml = TOML.format(targets=targets, balance=lab.options.balance, ejected=f"{EJECTED:.0f}", tried=f"{TRY:.0f}")
    gateway = await lab.node("gateway", toml=toml)
    load = Load(RATE, lambda number: Request("GET", gateway.port, "GET", f"/three/{number % 100}"))
    load.start()
    await asyncio.sleep(2)
    rows, all_samples = [], []
    begun = []
    for phase in phases(lab, victims["b"], ports["b"]):
        begin = time.monotonic()
        if phase.act:
            await phase.act()
        await asyncio.sleep(phase.seconds)
        begun.append((phase, begin, time.monotonic()))
    await load.stop()
    for phase, begin, end in begun:
        samples = load.between(begin, end)
        all_samples += samples
        rows.append(row(phase, samples, begin))
        judge(report, phase, samples, begin)
    report.say(f"{RATE} GET/s from the moment each was due; balance `{lab.options.balance}`; a check a second; a try takes {TRY:.0f} s at most, "
               f"one retry; five failures in a row leave a target out for {EJECTED:.0f} s, then for longer. The generator was "
               f"{load.lateness():.1f} ms late (p99).\n")
    report.table(("phase", "requests", "failed", "p50, ms", "p99, ms", "max, ms", "late by a lost try", "answered by a / b / c", "`b`"), rows)
    if bad(all_samples):
        report.say(f"Failures: {tally(bad(all_samples))}\n")


def judge(report, phase, samples, begin):
    failed = len(bad(samples))
    report.check(f"{phase.name}: requests that failed", failed, "0", failed == 0)
    if phase.kind == "break":
        after = leaves(samples, begin)
        report.check(f"{phase.name}: no request meets it after", f"{after:.2f} s", f"{LEAVES:.0f} s", after <= LEAVES)
    if phase.kind == "mend":
        # A slow one was ejected, twice as long the second time, and a tenth by chance; a good check ends no ejection.
        limit = 2.2 * EJECTED + 1 if "quick" in phase.name else RETURNS
        after = returns(samples, begin)
        report.check(f"{phase.name}: it has requests after", f"{after:.2f} s", f"{limit:.0f} s", after <= limit)
