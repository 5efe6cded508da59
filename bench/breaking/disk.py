"""The disk under SQLite fills up and is freed again, under reads and writes."""
import asyncio, contextlib, os, sqlite3, subprocess, sys, tempfile, time

from harness import http1
from harness.load import Load, Request, bad, latencies, tally

from .database import HASH
from .lab import ADMIN, PASSWORD, log_in, register

TITLE = "The disk is full"
SIZE = 96        # MiB of the disk
RATE = 60        # requests a second: 30 reads, 15 token checks, 12 accounts opened, 3 logins
HEALS = 5.0      # seconds after there is space again
LONGEST = 5.0    # seconds that any request may take
INSIDE = "DENIZEN_BREAKS_INSIDE"
READS = ("me", "validate")


@contextlib.contextmanager
def small_disk(folder):
    """A tmpfs of its own; none where nothing may be mounted."""
    place = os.path.join(folder, "disk")
    os.makedirs(place)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0755", "tmpfs", place]
    if subprocess.run(command, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def fill(path):
    """Takes all space that is left, to the last byte."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass


class Mix:
    """Reads and writes, and the ids of accounts that were acknowledged."""

    def __init__(self, port, admin, reader, email):
        self.port, self.admin, self.reader, self.email, self.ids = port, admin, reader, email, []

    def note(self, answer):
        if answer.status == 201:
            self.ids.append(answer.json()["id"])

    def request(self, number):
        place = number % 20
        if place in (1, 6, 11, 16):
            body = {"name": "Ada", "email": f"full{number}@example.test", "password_hash": HASH}
            return Request("create", self.port, "POST", "/api/v1/admin/users", body, self.admin, (201,), self.note)
        if place == 3:
            return Request("login", self.port, "POST", "/api/v1/auth/login", {"identifier": self.email, "password": PASSWORD})
        if place % 4 == 0:
            return Request("validate", self.port, "POST", "/api/v1/auth/validate", {"token": self.reader})
        return Request("me", self.port, "GET", "/api/v1/users/me", token=self.reader)


async def lost(mix):
    missing = []
    for user_id in mix.ids:
        answer = await http1.once(mix.port, "GET", f"/api/v1/users/{user_id}", token=mix.admin)
        if answer.status != 200:
            missing.append(user_id)
    return missing


def sound(folder):
    """What SQLite says of each database that is left."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                if file.read(15) != b"SQLite format 3":
                    continue
            with contextlib.closing(sqlite3.connect(path)) as connection:
                found[name] = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return found


async def run(lab, report):
    with small_disk(lab.folder) as place:
        if place:
            return await on(lab, report, place)
    if os.environ.get(INSIDE) or not inside(lab, report):
        report.say("No filesystem can be mounted here, neither as root nor in a namespace (`unshare -Urm`): **not tried**.\n")
        report.check("all of this section", "not tried", "–", None)


def inside(lab, report):
    """Runs the section in a namespace where mounting is allowed; whether that could be."""
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode != 0:
        return False
    with tempfile.NamedTemporaryFile("r", dir="/var/tmp") as out:
        brief = ["--brief"] if lab.options.brief else []
        command = ["unshare", "-Urm", sys.executable, sys.argv[0], "disk", "--server", lab.server, "--out", out.name, *brief]
        ended = subprocess.run(command, env=os.environ | {INSIDE: "1"}, stdout=subprocess.DEVNULL)
        text = out.read()
    # The last table is its verdict, which becomes a line of ours.
    report.say(text.split(f"## {TITLE}\n", 1)[-1].rsplit("\n\n", 1)[0])
    tried = "**not tried**" not in text
    report.check("all of this section, in a mount namespace", "see above", "–", ended.returncode == 0 if tried else None)
    return True


async def on(lab, report, place):
    settings = {"data_dir": os.path.join(place, "data"), "admin.email": ADMIN, "admin.password": PASSWORD}
    node = await lab.node("node", settings)
    admin, _ = await log_in(node.port, ADMIN)
    [email] = await register(node.port, 1, "reader")
    reader, _ = await log_in(node.port, email)
    mix = Mix(node.port, admin, reader, email)
    await node.quiet()
    load, start = Load(RATE, mix.request).start(), time.monotonic()
    await asyncio.sleep(lab.seconds(6))
    ballast = os.path.join(place, "ballast")
    full = time.monotonic()
    until = full + lab.seconds(16)
    while time.monotonic() < until:
        # What a checkpoint gives back is taken too.
        await asyncio.to_thread(fill, ballast)
        await asyncio.sleep(0.5)
    os.remove(ballast)
    freed = time.monotonic()
    await asyncio.sleep(max(lab.seconds(12), HEALS + 3))
    end = time.monotonic()
    await load.stop()
    lives = node.runs()
    missing = await lost(mix) if lives else mix.ids
    await node.stop()
    tell(report, load, [("room is left", start, full), ("full", full, freed), ("freed", freed, end)])
    promises(report, load, full, freed)
    report.check("the process lives", "yes" if lives else "no", "yes", lives)
    report.check(f"acknowledged accounts that cannot be read, of {len(mix.ids):,}", len(missing), "0", not missing and bool(mix.ids))
    checks = sound(settings["data_dir"])
    unsound = {name: said for name, said in checks.items() if said != "ok"}
    report.check(f"`PRAGMA integrity_check` of {len(checks)} files", unsound or "ok", "ok", not unsound and bool(checks))


def tell(report, load, moments):
    report.say(f"SQLite on a disk of {SIZE} MiB that a second file fills to the last byte, again every half second; {RATE} requests/s. "
               f"The generator was {load.lateness():.1f} ms late (p99).\n")
    rows = []
    for name, begin, end in moments:
        for kinds in (READS, ("create", "login")):
            samples = [sample for sample in load.between(begin, end) if sample.kind in kinds]
            rows.append([name, " and ".join(kinds), len(samples), len(bad(samples)), *latencies(samples)])
    report.table(("phase", "requests", "count", "failed", "p50, ms", "p99, ms", "max, ms"), rows)
    report.say(f"Failures: {tally(bad(load.samples))}\n")


def promises(report, load, full, freed):
    reads = [sample for sample in load.samples if sample.kind in READS]
    writes = [sample for sample in load.samples if sample.kind not in READS]
    report.check(f"reads and token checks that fail, of {len(reads):,}", len(bad(reads)), "0", not bad(reads))
    refused = [sample for sample in bad(writes) if full <= sample.due < freed]
    unfit = [sample for sample in bad(writes) if sample.status not in (503, 507) or b'"code"' not in sample.answer.content]
    report.check("writes refused while it is full", len(refused), "some", bool(refused))
    report.check("of those not 503 or 507 with a code", tally(unfit), "none", not unfit)
    late = max((sample.due - freed for sample in bad(writes) if sample.due >= freed), default=0.0)
    report.check("last write that fails, after there is space", f"{late:.2f} s", f"{HEALS:.0f} s", late <= HEALS)
    longest = max(sample.took for sample in load.samples) / 1000
    report.check("the longest request", f"{longest:.2f} s", f"{LONGEST:.0f} s", longest <= LONGEST)
