"""What was found, as Markdown. Ratios are taken round by round: a slow minute hits both sides."""
import subprocess
from statistics import median

NAMES = {
    "rate": "requests/s",
    "cpu": "CPU a request",
    "paced": "CPU a request at the fixed rate",
    "p99": "p99 at the fixed rate",
    "growth": "RSS per 1,000 connections",
}


def figures(proxy, what):
    """The figures of all rounds; of memory there is one."""
    if what == "growth":
        return [proxy.per_thousand]
    if what in ("paced", "p99"):
        key = {"paced": "cpu_micros", "p99": "p99_micros"}[what]
        return [found[key] for found in proxy.paced]
    return {"rate": proxy.rates, "cpu": proxy.costs}[what]


def ratios(proxy, reference, what):
    return [own / max(other, 1) for own, other in zip(figures(proxy, what), figures(reference, what))]


def at_fixed_rate(proxy):
    """Processor time, p50 and p99, as text."""
    if not proxy.paced:
        return "–", "–", "–"
    cost, p50, p99 = (median(found[key] for found in proxy.paced) for key in ("cpu_micros", "p50_micros", "p99_micros"))
    return f"{cost:.1f}", f"{p50 / 1000:.2f}", f"{p99 / 1000:.2f}"


def table(proxies, rate):
    fixed = f"{rate:,}/s" if rate else "a fixed rate"
    yield (f"| | requests/s (min–max) | busy | CPU µs a request (min–max) | CPU µs at {fixed} | p50, ms | p99, ms "
           "| idle RSS, MiB | RSS per 1,000 connections, KiB |")
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for proxy in proxies:
        rates = f"{median(proxy.rates):,.0f} ({min(proxy.rates):,.0f}–{max(proxy.rates):,.0f})"
        costs = f"{median(proxy.costs):.1f} ({min(proxy.costs):.1f}–{max(proxy.costs):.1f})"
        paced = " | ".join(at_fixed_rate(proxy))
        yield (f"| {proxy.name} | {rates} | {median(proxy.busy):.0%} | {costs} | {paced} "
               f"| {proxy.idle_rss / 1024:.1f} | {proxy.per_thousand:,.0f} |")


def bars(section, proxies):
    """Each figure of Denizen as a ratio to each peer, every round, and the bar where there is one."""
    ours, peers = proxies[-1], proxies[:-1]
    yield "| Denizen's, as a ratio | each round | median | bar | |"
    yield "|---|---|--:|---|---|"
    for what, name in NAMES.items():
        for peer in peers:
            found = ratios(ours, peer, what)
            if not found:
                continue
            middle = median(found)
            bar = next((bar for bar in section.bars if (bar.what, bar.peer) == (what, peer.name)), None)
            told, verdict = verdict_of(bar, middle, ours.problems or peer.problems)
            each = ", ".join(f"{ratio:.2f}" for ratio in found)
            yield f"| {name}, × {peer.name} | {each} | {middle:.2f} | {told} | {verdict} |"
    for bar in section.bars:
        peer = next((peer for peer in peers if peer.name == bar.peer), None)
        if not peer or not ratios(ours, peer, bar.what):
            yield f"| {NAMES[bar.what]}, × {bar.peer} | | | {limit(bar)} | not measured |"


def limit(bar):
    return f"≥ {bar.at_least:g}" if bar.at_least else f"≤ {bar.at_most:g}"


def verdict_of(bar, ratio, problems):
    if not bar:
        return "", ""
    if problems:
        return limit(bar), "does not count"
    return limit(bar), "met" if (ratio >= bar.at_least if bar.at_least else ratio <= bar.at_most) else "**missed**"


def section_report(section, proxies, rate, options, generator):
    yield f"### {section.title}"
    yield ""
    if section.remark:
        yield section.remark
        yield ""
    yield from table(proxies, rate)
    yield ""
    yield from bars(section, proxies)
    yield ""
    if not rate:
        yield f"No latencies at a fixed rate: {generator}."
        yield ""
    for proxy in proxies:
        for problem in dict.fromkeys(proxy.problems):
            yield f"{proxy.name}: {problem}; its figures do not count."
            yield ""


def versions(options):
    commands = {"nginx": ["nginx", "-v"], "HAProxy": ["haproxy", "-v"], "Envoy": [options.envoy, "--version"]}
    for command in (*(commands[peer] for peer in options.peers), [options.server, "--version"]):
        told = subprocess.run(command, capture_output=True, text=True)
        lines = [line for line in (told.stdout + told.stderr).splitlines() if line.strip()]
        yield "- " + lines[0].replace(command[0], command[0].rsplit("/", 1)[-1]).strip()
