"""Two nodes are stopped and started again in turn behind a third that balances; nobody may notice."""
import asyncio, signal, time

from harness.load import Load, bad, latencies, tally

from .people import People

TITLE = "Two nodes are restarted in turn"
RATE = 250       # requests a second
REST = 3.0       # seconds between two restarts
DRAINED = 30.0   # seconds that a node may take to end

BALANCER = """
[[gateway.upstreams]]
name = "nodes"
targets = [{targets}]
health = {{ path = "/health/ready", interval = "500ms", timeout = "1s" }}
passive = {{}}
[[gateway.routes]]
name = "nodes"
match = {{ path = "/api/{{*rest}}" }}
upstream = "nodes"
auth = "none"
override = true
"""


class Restart:
    """One node's: when, and how long it took to end and to be there again."""

    def __init__(self, node):
        self.node, self.begin = node, time.monotonic()

    async def run(self):
        self.node.signal(signal.SIGTERM)
        self.orderly = await self.node.ended()
        self.drained = time.monotonic() - self.begin
        self.status = self.node.process.returncode
        begin = time.monotonic()
        self.node.start()
        await self.node.ready()
        self.started = time.monotonic() - begin
        self.end = time.monotonic()
        return self


async def run(lab, report):
    postgres, redis = await lab.postgres(), await lab.redis()
    settings = {"database_url": postgres.url, "cache_url": redis.url, "gateway.trusted_proxies": "127.0.0.1"}
    nodes = [await lab.node(f"node-{number}", settings) for number in (1, 2)]
    targets = ", ".join(f'{{ url = "http://127.0.0.1:{node.port}" }}' for node in nodes)
    balancer = await lab.node("balancer", toml=BALANCER.format(targets=targets))
    people = await People.gather([balancer.port], 50)
    for node in nodes:
        await node.quiet()
    load, restarts = Load(RATE, people.request).start(), []
    wanted = lab.options.requests // 2 if lab.options.brief else lab.options.requests
    await asyncio.sleep(REST)
    while len(load.samples) < wanted or len(restarts) < 2:
        restarts.append(await Restart(nodes[len(restarts) % 2]).run())
        await asyncio.sleep(REST)
    await load.stop()
    tell(report, load, restarts)
    promises(report, load, restarts)


def tell(report, load, restarts):
    report.say(f"{RATE} requests/s through a third node that balances with the default `round_robin`, a check of `/health/ready` twice a "
               "second and one retry: 80 % read the own account, 15 % refresh, 5 % log in. Refreshes and logins are POST and are never "
               f"sent twice. The generator was {load.lateness():.1f} ms late (p99).\n")
    rows = []
    for kind in ("me", "refresh", "login"):
        samples = [sample for sample in load.samples if sample.kind == kind]
        rows.append([kind, len(samples), len(bad(samples)), *latencies(samples)])
    rows.append(["all", len(load.samples), len(bad(load.samples)), *latencies(load.samples)])
    report.table(("requests", "count", "failed", "p50, ms", "p99, ms", "max, ms"), rows)
    rows = [[restart.node.name, f"{restart.drained * 1000:.0f}", f"{restart.started * 1000:.0f}", restart.status,
             len(bad(load.between(restart.begin, restart.end)))] for restart in restarts]
    report.table(("restart of", "to its end, ms", "to ready again, ms", "exit status", "failed meanwhile"), rows)
    if bad(load.samples):
        report.say(f"Failures: {tally(bad(load.samples))}\n")
        report.say(f"The first: {bad(load.samples)[0].why}\n")


def promises(report, load, restarts):
    failed = len(bad(load.samples))
    report.check(f"failed of {len(load.samples):,} requests over {len(restarts)} restarts", failed, "0", failed == 0)
    longest = max(restart.drained for restart in restarts)
    orderly = all(restart.orderly and restart.status == 0 for restart in restarts)
    report.check("the longest time to an orderly end", f"{longest:.2f} s", f"{DRAINED:.0f} s", orderly and longest <= DRAINED)
