"""Load: at an even pace whatever the answers do (open loop), or by so many who wait for theirs (closed loop)."""
import asyncio, dataclasses, time

from .figures import percentile
from .http1 import Broken, Connection


@dataclasses.dataclass(slots=True)
class Request:
    """What is sent, and of what kind it is."""
    kind: str
    port: int
    method: str
    path: str
    body: object = None
    token: str = None
    expected: tuple = (200,)
    # Called with the answer before it counts, such as to note an id.
    then: object = None


@dataclasses.dataclass(slots=True)
class Sample:
    """What came of a request. Times are of time.monotonic; status 0 is no answer."""
    kind: str
    due: float
    sent: float
    ended: float
    status: int
    good: bool
    why: str
    answer: object

    @property
    def took(self):
        """Milliseconds from the moment it was due: a stall counts for all that it held up."""
        return (self.ended - self.due) * 1000


class Load:
    """Sends `make(number)` so many times a second."""

    def __init__(self, rate, make, timeout=30):
        self.rate, self.make, self.timeout = rate, make, timeout
        self.samples, self.idle, self.under_way, self.pacing = [], {}, set(), None

    def start(self):
        self.pacing = asyncio.create_task(self.pace())
        return self

    async def pace(self):
        start, number = time.monotonic(), 0
        while True:
            due = start + number / self.rate
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            request = self.make(number)
            number += 1
            if request is not None:
                task = asyncio.create_task(self.send(request, due))
                self.under_way.add(task)
                task.add_done_callback(self.under_way.discard)

    async def send(self, request, due):
        connections = self.idle.setdefault(request.port, [])
        connection = connections.pop() if connections else Connection(request.port)
        sample = await measured(connection, request, due, self.timeout)
        self.samples.append(sample)
        if connection.writer:
            connections.append(connection)

    async def stop(self):
        """Sends no more, and waits for what is under way."""
        self.pacing.cancel()
        if self.under_way:
            await asyncio.wait(set(self.under_way), timeout=self.timeout + 5)
        # A pace that broke off by a fault of its own must not pass for a quiet one.
        await asyncio.gather(self.pacing, return_exceptions=True)
        if not self.pacing.cancelled() and self.pacing.exception():
            raise self.pacing.exception()
        for connections in self.idle.values():
            for connection in connections:
                connection.close()

    def lateness(self):
        """How late the generator itself was, p99 in milliseconds."""
        return percentile([(sample.sent - sample.due) * 1000 for sample in self.samples], 0.99)

    def between(self, begin, end):
        return [sample for sample in self.samples if begin <= sample.due < end]


async def measured(connection, request, due, timeout):
    """One request as a sample."""
    sent, why, answer = time.monotonic(), "", None
    try:
        answer = await connection.call(request.method, request.path, request.body, request.token, timeout)
        status = answer.status
    except Broken as error:
        status, why = 0, str(error)
    ended = time.monotonic()
    good = status in request.expected
    if answer is not None and not good:
        why = answer.content[:200].decode("utf-8", "replace")
    if answer is not None and request.then:
        request.then(answer)
    return Sample(request.kind, due, sent, ended, status, good, why, answer)


async def closed(clients, seconds, make, timeout=30):
    """So many clients, each with one request under way at a time; the samples."""
    samples, until, numbers = [], time.monotonic() + seconds, iter(range(10**9))

    async def client():
        connection = Connection(0)
        while time.monotonic() < until:
            request = make(next(numbers))
            if connection.port != request.port:
                connection.close()
                connection.port = request.port
            samples.append(await measured(connection, request, time.monotonic(), timeout))
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return samples


def bad(samples):
    return [sample for sample in samples if not sample.good]


def tally(samples):
    """How many there were of each kind and status, as text."""
    counts = {}
    for sample in samples:
        key = f"{sample.kind} {sample.status or sample.why}"
        counts[key] = counts.get(key, 0) + 1
    return ", ".join(f"{key} ×{count}" for key, count in sorted(counts.items())) or "none"


def latencies(samples):
    """p50, p99 and the longest as cells of a table, in milliseconds."""
    took = [sample.took for sample in samples]
    return [f"{value:.1f}" for value in (percentile(took, 0.5), percentile(took, 0.99), max(took, default=float("nan")))]
