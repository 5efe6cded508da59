"""More logins come than can be worked on: twice as many, ten times as many."""
import asyncio, statistics, time

from harness import http1
from harness.figures import percentile
from harness.load import Load, Request, closed, tally

from .lab import PASSWORD, register

TITLE = "Ten times as many logins as there is room for"
CLIENTS = 32     # of the closed loop that finds the capacity
GOODPUT = {2: 0.9, 10: 0.8}   # share of the peak that must still get through
SHED = 20        # milliseconds in which one that is not let in is told so
NORMAL = 5.0     # seconds until a login takes what it did before
PATIENCE = 15    # seconds that a client waits for an answer
ROUNDS = 3


class Run:
    """What came of one load: who got in, who was told to come back, and anything else."""

    def __init__(self, samples, begin, end):
        self.good = [sample for sample in samples if sample.status == 200]
        self.shed = [sample for sample in samples if sample.status in (429, 503)]
        self.others = [sample for sample in samples if sample.status not in (200, 429, 503)]
        self.silent = [sample for sample in self.shed if "retry-after" not in sample.answer.headers]
        self.count = len(samples)
        # Those still in the queue at the end are answered after it: what counts is the pace while the load lasts.
        self.rate = sum(begin <= sample.ended < end for sample in self.good) / (end - begin)

    def took(self, samples, share):
        return percentile([sample.took for sample in samples], share)


def login(port, emails, number):
    body = {"identifier": emails[number % len(emails)], "password": PASSWORD}
    return Request("login", port, "POST", "/api/v1/auth/login", body)


async def open_loop(node, emails, rate, seconds):
    """Logins at an even pace, for so long."""
    load = Load(rate, lambda number: login(node.port, emails, number), PATIENCE).start()
    begin = time.monotonic()
    await asyncio.sleep(seconds)
    end = time.monotonic()
    await load.stop()
    run = Run(load.between(begin, end), begin, end)
    run.lateness, run.end = load.lateness(), end
    return run


async def normal_again(node, emails, since, limit):
    """Seconds until three logins in a row take no longer than `limit` milliseconds."""
    row, number = 0, 0
    while time.monotonic() - since < 30:
        begin, number = time.monotonic(), number + 1
        request = login(node.port, emails, number)
        try:
            answer = await http1.once(node.port, request.method, request.path, request.body, timeout=10)
            row = row + 1 if answer.status == 200 and (time.monotonic() - begin) * 1000 <= limit else 0
        except http1.Broken:
            row = 0
        if row == 3:
            return time.monotonic() - since
        await asyncio.sleep(0.05)
    return float("inf")


async def closed_loop(node, emails, seconds):
    begin = time.monotonic()
    samples = await closed(CLIENTS, seconds, lambda number: login(node.port, emails, number))
    return Run(samples, begin, begin + seconds)


async def alone(node, emails, times=40):
    """p99 of logins one after another, in milliseconds."""
    samples = []
    for number in range(times):
        begin = time.monotonic()
        request = login(node.port, emails, number)
        await http1.once(node.port, request.method, request.path, request.body)
        samples.append((time.monotonic() - begin) * 1000)
    return percentile(samples, 0.99)


class Round:
    """The peak and the overloads, one after another: a slow minute of the machine hits all of them."""

    def __init__(self, peak, runs):
        self.peak, self.runs = peak, runs

    def share(self, times):
        return self.runs[times].rate / self.peak.rate


async def measure(lab, node, emails, quick):
    seconds, runs = lab.seconds(8), {}
    peak = await closed_loop(node, emails, seconds)
    for times in GOODPUT:
        await node.quiet()
        runs[times] = await open_loop(node, emails, peak.rate * times, seconds)
        runs[times].normal = await normal_again(node, emails, runs[times].end, 2 * quick)
    return Round(peak, runs)


async def run(lab, report):
    node = await lab.node("node")
    emails = await register(node.port, 50, "storm")
    await node.quiet()
    quick = await alone(node, emails)
    await closed_loop(node, emails, 2)
    rounds = [await measure(lab, node, emails, quick) for _ in range(1 if lab.options.brief else ROUNDS)]
    tell(report, quick, rounds)
    promises(report, rounds)


def tell(report, quick, rounds):
    lateness = max(each.runs[10].lateness for each in rounds)
    report.say(f"`POST /auth/login`, Argon2id at the default cost, the server on one core; {len(rounds)} rounds. The peak is what {CLIENTS} clients "
               f"get who wait for their answers; then logins come at an even pace and count from the moment they were due. One alone takes "
               f"{quick:.1f} ms (p99). At ten times the peak the generator was {lateness:.1f} ms late (p99).\n")
    rows = []
    for number, each in enumerate(rounds, 1):
        for name, run in [("closed loop", each.peak)] + [(f"{times} × the peak", run) for times, run in each.runs.items()]:
            shed = f"{run.took(run.shed, 0.5):.1f} / {run.took(run.shed, 0.99):.1f}" if run.shed else "–"
            rows.append([f"{number}: {name}", run.count, f"{run.rate:.1f}", f"{run.rate / each.peak.rate:.0%}",
                         f"{run.took(run.good, 0.5):.0f} / {run.took(run.good, 0.99):.0f}", len(run.shed), shed, len(run.others)])
    report.table(("round and load", "requests", "logins/s", "of the peak", "p50 / p99 of these, ms", "told to come back",
                  "p50 / p99 of these, ms", "anything else"), rows)
    others = [sample for each in rounds for run in each.runs.values() for sample in run.others]
    if others:
        report.say(f"Anything else: {tally(others)}\n")


def promises(report, rounds):
    for times, least in GOODPUT.items():
        runs = [each.runs[times] for each in rounds]
        share = statistics.median(each.share(times) for each in rounds)
        report.check(f"{times} ×: logins that get through, of the peak, median", f"{share:.0%}", f"{least:.0%}", share >= least)
        shed = [sample for run in runs for sample in run.shed]
        late = percentile([sample.took for sample in shed], 0.99)
        report.check(f"{times} ×: told to come back after, p99", f"{late:.1f} ms", f"{SHED} ms", late <= SHED)
        silent, others = sum(len(run.silent) for run in runs), sum(len(run.others) for run in runs)
        report.check(f"{times} ×: told so without `Retry-After`", silent, "0", silent == 0)
        report.check(f"{times} ×: anything but 200, 429 and 503", others, "0", others == 0)
        normal = max(run.normal for run in runs)
        report.check(f"{times} ×: a login takes what it did, after", f"{normal:.2f} s", f"{NORMAL:.0f} s", normal <= NORMAL)
