"""The measurements of one section. The proxies take turns in each round, each freshly started."""
import json, os, re, signal, statistics, subprocess, sys, time

from .proxies import PATH, ask, cpu, log_reader, rss

CONNECTIONS = 64     # of the generator, at full rate
IDLE = 2000          # connections that stand idle when memory is read


def read_wrk(text):
    """Requests a second, and how many answers were bad."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not rate:
        sys.exit(f"bench/proxy: wrk said what is not understood:\n{text}")
    bad = re.search(r"Non-2xx or 3xx responses:\s+(\d+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return float(rate.group(1)), int(bad.group(1)) if bad else 0, sum(map(int, errors.groups())) if errors else 0


class Load:
    """What the generators send in a section."""

    def __init__(self, section, options, tokens):
        self.options, self.tokens, self.kind = options, tokens, section.tokens
        self.file = tokens.file(section.tokens, options.tokens) if self.kind in ("known", "new") else None

    def wrk(self, proxy, seconds, first):
        """Loads at full rate. Gives what wrk says, and the first token that is not used yet."""
        command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
        if self.file:
            command += ["-s", self.tokens.script]
        elif self.kind:
            command += ["-H", f"Authorization: Bearer {self.tokens.one}", "-H", "Accept: */*"]
        else:
            command += ["-H", "Accept: */*"]
        command.append(f"http://127.0.0.1:{proxy.port}{PATH}")
        if self.file:
            command += ["--", self.file, str(first)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = re.search(r"Tokens until (\d+) of (\d+)", told)
        if used and int(used.group(1)) > int(used.group(2)):
            proxy.problems.append(f"ran out of new tokens ({used.group(1)} wanted; give more with --tokens)")
        return told, int(used.group(1)) if used else 0

    def full_rate(self, proxy):
        _, first = self.wrk(proxy, 1, 0)
        before = cpu(proxy.pid)
        told, _ = self.wrk(proxy, self.options.seconds, first)
        spent = cpu(proxy.pid) - before
        rate, bad, errors = read_wrk(told)
        if bad or errors:
            proxy.problems.append(f"{bad} bad answers, {errors} errors of sockets")
        proxy.rates.append(rate)
        proxy.costs.append(spent * 1e6 / (rate * self.options.seconds))
        proxy.busy.append(spent / self.options.seconds)

    def paced(self, proxy, rate):
        options = self.options
        command = ["taskset", "-c", "1", options.bench, "pace", "--address", f"127.0.0.1:{proxy.port}", "--path", PATH,
                   "--pid", str(proxy.pid), "--rate", str(rate), "--seconds", str(options.seconds)]
        if self.file:
            command += ["--tokens", self.file]
        elif self.kind:
            command += ["--token", self.tokens.one]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        if found["failures"]:
            proxy.problems.append(f"{found['failures']} failures at a fixed rate: {found['failure']}")
        if found["rate"] < 0.95 * rate:
            proxy.problems.append(f"only {found['rate']:.0f} of {rate} requests/s at the fixed rate")
        proxy.paced.append(found)

    def can_pace(self):
        """Whether the generator is there, and takes a file of tokens where one is needed."""
        if not self.options.bench:
            return False
        told = subprocess.run([self.options.bench, "pace", "--help"], capture_output=True, text=True).stdout
        return "--tokens" in told if self.file else "--rate" in told


def memory(proxy):
    """What idle connections cost, each after one request, in the first round only: later the allocator has it."""
    time.sleep(1)
    proxy.idle_rss = rss(proxy.pid)
    held = [ask(proxy.port, proxy.token)[1] for _ in range(IDLE)]
    time.sleep(1)
    proxy.per_thousand = (rss(proxy.pid) - proxy.idle_rss) * 1000 / IDLE
    for connection in held:
        connection.close()


def refuses(proxy, tokens):
    """A check that is off would be fast: what is no good must be refused."""
    for what, token in tokens.bad():
        status, connection = ask(proxy.port, token)
        connection.close()
        if status != 401:
            sys.exit(f"bench/proxy: {proxy.name} answers {status} to {what}")


def measure(section, proxies, options, work, tokens, log):
    """All rounds of a section; gives the fixed rate, or none where there was no generator for it."""
    readers = [log_reader(os.path.join(work, section.name, proxy.name)) for proxy in proxies if proxy.name == "HAProxy"]
    try:
        load = Load(section, options, tokens)
        for proxy in proxies:
            proxy.start(log)
            try:
                memory(proxy)
                if section.tokens:
                    refuses(proxy, tokens)
            finally:
                proxy.stop()
        rounds(proxies, options, log, load.full_rate)
        if not load.can_pace():
            return None
        rate = options.rate or int(min(statistics.median(proxy.rates) for proxy in proxies) / 2)
        rounds(proxies, options, log, lambda proxy: load.paced(proxy, rate))
        return rate
    finally:
        for reader in readers:
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)


def rounds(proxies, options, log, step):
    for _ in range(options.rounds):
        for proxy in proxies:
            proxy.start(log)
            try:
                step(proxy)
            finally:
                proxy.stop()
