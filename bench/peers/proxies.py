"""The proxies as processes: started, asked, watched, stopped."""
import http.client, os, re, signal, socket, subprocess, sys, time

from . import configs, envoy

PATH = "/bench/x"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def family(pid):
    return [pid] + [member for child in children(pid) for member in family(child)]


def cpu(pid):
    """Seconds of user and system time of a process and its children that still run."""
    total = 0
    for member in family(pid):
        with open(f"/proc/{member}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss(pid):
    """KiB that are resident, all members of the family."""
    total = 0
    for member in family(pid):
        with open(f"/proc/{member}/status") as status:
            total += int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    return total


def ask(port, token=None):
    """One GET; the status, and the connection, which stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status, connection


class Proxy:
    """A proxy that is to be measured, and what was found."""

    def __init__(self, name, command, port, token):
        self.name, self.command, self.port, self.token = name, command, port, token
        self.rates, self.costs, self.busy, self.paced, self.problems = [], [], [], [], []
        self.idle_rss = self.per_thousand = None

    @property
    def pid(self):
        return self.process.pid

    def start(self, log):
        self.process = subprocess.Popen(["taskset", "-c", "0", *self.command], stdout=log, stderr=log)
        for _ in range(400):
            try:
                status, connection = ask(self.port, self.token)
                connection.close()
                if status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        log.flush()
        with open(log.name, errors="replace") as said:
            sys.exit(f"bench/proxy: {self.name} does not answer 200 at {PATH}; the end of what all said:\n{said.read()[-3000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def log_reader(folder):
    """HAProxy logs to a syslog socket; this process writes the lines to a file, as the others do themselves."""
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.bind(os.path.join(folder, "haproxy.sock"))
    child = os.fork()
    if child:
        reader.close()
        return child
    os.sched_setaffinity(0, {1})
    with open(os.path.join(folder, "haproxy.log"), "wb") as lines:
        while True:
            lines.write(reader.recv(2048) + b"\n")


def command(name, options, folder, text):
    """Writes the configuration, and says how the proxy is started with it."""
    files = {"nginx": "nginx.conf", "HAProxy": "haproxy.cfg", "Envoy": "envoy.json", "Denizen": "denizen.toml"}
    path = os.path.join(folder, files[name])
    with open(path, "w") as out:
        out.write(text)
    return {
        "nginx": ["nginx", "-c", path],
        "HAProxy": ["haproxy", "-f", path],
        "Envoy": [options.envoy, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
        "Denizen": [options.server, "--config", path, "serve"],
    }[name]


def make(section, options, work, upstream, tokens):
    """All proxies of a section, none started yet."""
    proxies = []
    for name in (*(peer for peer in section.peers if peer in options.peers), "Denizen"):
        folder = os.path.join(work, section.name, name)
        os.makedirs(folder)
        values = {"folder": folder, "upstream": upstream, "port": free_port()}
        text = {
            "nginx": lambda: configs.nginx(section, values),
            "HAProxy": lambda: configs.haproxy(section, values, tokens),
            "Envoy": lambda: envoy.config(section, values, tokens),
            "Denizen": lambda: configs.denizen(section, values, tokens),
        }[name]()
        token = tokens.one if section.tokens else None
        proxies.append(Proxy(name, command(name, options, folder, text), values["port"], token))
    return proxies
