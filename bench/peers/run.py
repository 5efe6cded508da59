"""The command line of bench/proxy, and the order of things."""
import argparse, os, resource, shutil, subprocess, sys, tempfile

from . import configs, measure, proxies, report
from .sections import PEERS, SECTIONS
from .tokens import Tokens

SIZE = 1024          # bytes of the upstream's answer
ENVOY = ".check/envoy/bin/envoy"
# Tokens that are signed for each second of load: more than a core can check.
TOKENS_A_SECOND = 20_000


def names(text, known, what):
    """A list of known names between commas, in the order in which they are known."""
    asked = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = set(asked) - {name.lower() for name in known}
    if unknown:
        sys.exit(f"bench/proxy: no {what} {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [name for name in known if name.lower() in asked]


def read_options(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    all_sections = ",".join(section.name for section in SECTIONS)
    parser.add_argument("--sections", default=all_sections, help=f"which of {all_sections}")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"which of {','.join(PEERS)}; Envoy is left out if not found")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=0, help="the fixed rate; otherwise half of the slowest proxy's")
    parser.add_argument("--tokens", type=int, default=0, help="how many tokens are signed where all are new")
    parser.add_argument("--server", default="target/release/denizen")
    parser.add_argument("--bench", default="target/release/denizen-bench", help="the generator at a fixed rate")
    parser.add_argument("--envoy", default=ENVOY)
    parser.add_argument("--out")
    options = parser.parse_args()
    options.sections = names(options.sections, [section.name for section in SECTIONS], "section")
    options.peers = names(options.peers, PEERS, "peer")
    options.tokens = options.tokens or TOKENS_A_SECOND * (options.seconds + 1)
    return options


def check_tools(options):
    """What is needed must be there; what is not, is left out and named in the report."""
    os.environ["PATH"] += ":/usr/sbin"
    needed = ["wrk", "nginx", "taskset", options.server] + (["haproxy"] if "HAProxy" in options.peers else [])
    for tool in needed:
        if not shutil.which(tool):
            sys.exit(f"bench/proxy: {tool} is needed")
    options.left_out = []
    if not shutil.which(options.bench):
        options.left_out.append(f"{options.bench} is not there, so nothing is measured at a fixed rate.")
        options.bench = None
    if "Envoy" in options.peers and not shutil.which(options.envoy):
        options.left_out.append(f"{options.envoy} is not there, so Envoy is left out.")
        options.peers.remove("Envoy")


def run(options, work):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # One thread for Denizen, as for the others.
    os.environ["TOKIO_WORKER_THREADS"] = "1"
    wanted = [section for section in SECTIONS if section.name in options.sections]
    tokens = Tokens(work) if any(section.tokens for section in wanted) else None
    upstream = proxies.free_port()
    config = os.path.join(work, "upstream.conf")
    with open(config, "w") as out:
        out.write(configs.UPSTREAM.format(work=work, upstream=upstream, body="x" * SIZE))
    yield (f"## Reverse proxies, one core, {SIZE} bytes, {measure.CONNECTIONS} connections, "
           f"{options.rounds} rounds of {options.seconds} s")
    yield ""
    yield from report.versions(options)
    yield from (f"- {line}" for line in options.left_out)
    yield f"- Load averages at the start: {' '.join(map(str, os.getloadavg()))}"
    yield ""
    with open(os.path.join(work, "log"), "w") as log:
        server = subprocess.Popen(["taskset", "-c", "1", "nginx", "-c", config], stdout=log, stderr=log)
        try:
            for section in wanted:
                made = proxies.make(section, options, work, upstream, tokens)
                rate = measure.measure(section, made, options, work, tokens, log)
                generator = "denizen-bench is not there, or takes no file of tokens"
                yield from report.section_report(section, made, rate, options, generator)
        finally:
            server.terminate()
            server.wait()
    yield f"Load averages at the end: {' '.join(map(str, os.getloadavg()))}"


def main(text):
    options = read_options(text)
    check_tools(options)
    lines = []
    with tempfile.TemporaryDirectory(prefix="denizen-proxy.") as work:
        for line in run(options, work):
            print(line, flush=True)
            lines.append(line)
    if options.out:
        with open(options.out, "w") as out:
            out.write("\n".join(lines) + "\n")
