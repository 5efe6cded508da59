"""Processes that a script starts: each is ended by it, by its id, and nothing else is."""
import asyncio, os, signal, socket, subprocess, sys

from . import http1

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = os.path.join(PROJECT, "target", "release", "denizen")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    """The command on one core, where there are two to choose from."""
    return ["taskset", "-c", core, *command] if os.cpu_count() > 1 else list(command)


def pin_generator():
    """This process stays off the core of the server under test."""
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, {1})


class Process:
    """A process with a log file of its own."""

    def __init__(self, name, command, folder, core="1", env=None, cwd=None):
        self.name, self.command, self.folder, self.core = name, command, folder, core
        self.env, self.cwd, self.process = env, cwd, None

    def start(self):
        with open(os.path.join(self.folder, f"{self.name}.log"), "ab") as log:
            self.process = subprocess.Popen(pinned(self.core, self.command), env=self.env, cwd=self.cwd or self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.runs():
            self.process.send_signal(number)

    def ticks(self):
        """Processor time so far, in hundredths of a second."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    async def quiet(self, limit=20):
        """Waits until what was done before has no more work after it: mails, events, the audit trail."""
        before = self.ticks()
        for _ in range(limit * 2):
            await asyncio.sleep(0.5)
            now = self.ticks()
            if now - before <= 2:
                return
            before = now

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    async def ended(self, limit=45):
        """Waits until it has ended by itself; kills it when that takes too long, and says so."""
        try:
            await asyncio.to_thread(self.process.wait, limit)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    async def stop(self):
        if self.runs():
            # One that was halted (SIGSTOP) hears nothing else.
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            if not await self.ended():
                print(f"{self.name} had to be killed", file=sys.stderr)


class Node(Process):
    """A Denizen process on a port of its own. Settings are named as in its file, such as gateway.limits.per_ip."""

    def __init__(self, name, folder, settings=None, toml="", server=SERVER, core="0"):
        self.port = free_port()
        home = os.path.join(folder, name)
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, "denizen.toml"), "w") as file:
            file.write(toml)
        everything = {"listen": f"127.0.0.1:{self.port}", "data_dir": os.path.join(home, "data"), "log": "warn"}
        everything |= settings or {}
        # What the caller's shell says of Denizen must not change what is measured.
        env = {name: value for name, value in os.environ.items() if not name.startswith("DENIZEN_")}
        env |= {"DENIZEN_" + key.upper().replace(".", "__"): str(value) for key, value in everything.items()}
        command = [os.path.abspath(server), "--config", os.path.join(home, "denizen.toml"), "serve"]
        super().__init__(name, command, folder, core, env, home)

    async def ready(self, limit=60):
        for _ in range(limit * 20):
            try:
                if (await http1.once(self.port, "GET", "/health/ready", timeout=2)).status == 200:
                    return self
            except http1.Broken:
                pass
            if not self.runs():
                break
            await asyncio.sleep(0.05)
        raise SystemExit(f"{self.name} does not get ready; see {self.folder}/{self.name}.log (--keep leaves it there)")
