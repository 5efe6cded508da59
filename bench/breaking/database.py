"""PostgreSQL is restarted as by a crash, again and again, under reads and writes."""
import asyncio, time

from harness.load import Load, Request, bad, latencies, tally
from harness import http1

from .lab import ADMIN, PASSWORD, log_in, register

TITLE = "PostgreSQL crashes and comes back"
READS, CREATES, REGISTRATIONS = 60, 30, 4   # a second
REST = 5.0      # seconds between two crashes
HEALS = 2.0     # seconds after PostgreSQL accepts connections
LONGEST = 10.0  # seconds that any request may take
# Argon2id at the default cost; nobody logs in with it.
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Fm0fB2D1rIWnMe+7Qp5mHcVnQGzJ5e1nS3xW0GkF1mE"


class Writers:
    """Opens accounts and keeps the ids of those that were acknowledged."""

    def __init__(self, port, admin, reader):
        self.port, self.admin, self.reader, self.ids = port, admin, reader, []
        self.total = READS + CREATES + REGISTRATIONS

    def note(self, answer):
        if answer.status == 201:
            self.ids.append(answer.json()["id"])

    def request(self, number):
        # 37 has no factor in common with the total: the kinds are spread out.
        place, email = number * 37 % self.total, f"crash{number}@example.test"
        if place < READS:
            return Request("read", self.port, "GET", "/api/v1/users/me", token=self.reader)
        if place < READS + CREATES:
            body = {"name": "Ada", "email": email, "password_hash": HASH}
            return Request("create", self.port, "POST", "/api/v1/admin/users", body, self.admin, (201,), self.note)
        body = {"name": "Ada", "email": email, "password": PASSWORD}
        return Request("register", self.port, "POST", "/api/v1/users", body, None, (201,), self.note)

    async def lost(self):
        """Ids of accounts that were acknowledged and cannot be read."""
        connection, lost = http1.Connection(self.port), []
        for user_id in self.ids:
            answer = await connection.call("GET", f"/api/v1/users/{user_id}", token=self.admin)
            if answer.status != 200:
                lost.append(user_id)
        connection.close()
        return lost


async def crash(postgres):
    """The moments when it was broken off and when it lets clients in again."""
    begin = time.monotonic()
    restarting = asyncio.create_task(asyncio.to_thread(postgres.break_off))
    # It goes on accepting until the signal is there: what counts is the first time after it was away.
    while not restarting.done() and await asyncio.to_thread(postgres.accepts):
        await asyncio.sleep(0.002)
    while not await asyncio.to_thread(postgres.accepts):
        await asyncio.sleep(0.005)
    accepts = time.monotonic()
    await restarting
    return begin, accepts


async def run(lab, report):
    postgres = await lab.postgres()
    settings = {"database_url": postgres.url, "admin.email": ADMIN, "admin.password": PASSWORD}
    node = await lab.node("node", settings)
    admin, _ = await log_in(node.port, ADMIN)
    [email] = await register(node.port, 1, "reader")
    reader, _ = await log_in(node.port, email)
    writers = Writers(node.port, admin, reader)
    await node.quiet()
    load, crashes = Load(writers.total, writers.request).start(), []
    await asyncio.sleep(REST)
    for _ in range(lab.options.restarts):
        crashes.append(await crash(postgres))
        await asyncio.sleep(REST)
    end = time.monotonic()
    await load.stop()
    lives = node.runs()
    lost = await writers.lost() if lives else writers.ids
    tell(report, load, crashes + [(end, end)])
    promises(report, load, crashes, (lives, len(writers.ids), len(lost)))


def tell(report, load, crashes):
    report.say(f"A node on PostgreSQL (fsync on) with {READS} reads, {CREATES} accounts opened and {REGISTRATIONS} registrations a second; "
               f"`pg_ctl restart -m immediate` each {REST:.0f} s. The generator was {load.lateness():.1f} ms late (p99).\n")
    rows = []
    for number, ((begin, accepts), (following, _)) in enumerate(zip(crashes, crashes[1:]), 1):
        samples = load.between(begin, following)
        failed = bad(samples)
        last = max((sample.due for sample in failed), default=accepts)
        rows.append([number, f"{(accepts - begin) * 1000:.0f}", len(samples), len(failed), f"{(last - accepts) * 1000:+.0f}", latencies(samples)[2]])
    report.table(("crash", "away, ms", "requests", "failed", "last failure due, ms after it accepts", "longest, ms"), rows)
    report.say(f"Failures: {tally(bad(load.samples))}\n")


def promises(report, load, crashes, found):
    lives, acknowledged, lost = found
    last = max(accepts for _, accepts in crashes)
    late = 0.0
    for begin, accepts in crashes:
        until = min((other for other, _ in crashes if other > begin), default=float("inf"))
        due = [sample.due - accepts for sample in load.between(begin, until) if not sample.good]
        late = max([late, *due])
    report.check("last request that fails is due, after PostgreSQL accepts connections", f"{late:.2f} s", f"{HEALS:.0f} s", late <= HEALS)
    report.check(f"acknowledged accounts that cannot be read, of {acknowledged:,}", lost, "0", lost == 0 and acknowledged > 0)
    report.check("the process lives", "yes" if lives else "no", "yes", lives)
    longest = max(sample.took for sample in load.samples) / 1000
    report.check("the longest request", f"{longest:.2f} s", f"{LONGEST:.0f} s", longest <= LONGEST)
    unfit = [sample for sample in bad(load.samples) if sample.status != 503]
    report.check("failures that are not 503", tally(unfit), "none", not unfit)
    after = [sample for sample in load.samples if sample.due > last + HEALS]
    report.check("requests that fail from then on", len(bad(after)), "0", not bad(after) and bool(after))
