"""PostgreSQL and Redis of a run's own, with their data in its folder."""
import asyncio, glob, os, shutil, signal, socket, struct, subprocess

from .processes import Process, free_port, pinned


def postgres_programs():
    """The folder of the newest version's programs; none when it is not installed."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    return max(folders, key=lambda folder: float(folder.split("/")[-2]), default=None)


class PostgreSQL:
    """A cluster with fsync on."""

    def __init__(self, folder):
        self.programs, self.port = postgres_programs(), free_port()
        self.data = os.path.join(folder, "pg")
        if self.programs is None:
            raise SystemExit("PostgreSQL's server programs are needed (Debian package postgresql)")

    def run(self, program, *arguments):
        # initdb refuses root: the server runs as the user postgres then.
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        command = [*prefix, os.path.join(self.programs, program), "-D", self.data, *arguments]
        subprocess.run(pinned("1", command), cwd=os.path.dirname(self.data), check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def start(self):
        os.makedirs(self.data)
        if os.getuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
        self.run("initdb", "-U", "denizen", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-p {self.port} -h 127.0.0.1 -k '' -c max_connections=200"
        self.run("pg_ctl", "-w", "-l", os.path.join(self.data, "log"), "-o", options, "start")
        return self

    @property
    def url(self):
        return f"postgres://denizen@127.0.0.1:{self.port}/postgres"

    def break_off(self):
        """Restarts it as a crash would: nothing is ended in good order, the log is replayed."""
        self.run("pg_ctl", "-w", "-t", "60", "-l", os.path.join(self.data, "log"), "-m", "immediate", "restart")

    def accepts(self):
        """Whether it lets a client in: the first byte of the answer to a start-up message is R, for authentication."""
        words = b"user\0denizen\0database\0postgres\0\0"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(struct.pack("!ii", 8 + len(words), 3 << 16) + words)
                return connection.recv(1) == b"R"
        except OSError:
            return False

    async def stop(self):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            await asyncio.to_thread(self.run, "pg_ctl", "-m", "immediate", "stop")


class Redis(Process):
    """Redis, or Valkey where that is installed, that keeps nothing on disk."""

    def __init__(self, folder):
        program = shutil.which("valkey-server") or shutil.which("redis-server")
        if program is None:
            raise SystemExit("valkey-server or redis-server is needed")
        self.port = free_port()
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__("redis", command, folder)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    async def answers(self):
        for _ in range(200):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"PING\r\n")
                pong = await asyncio.wait_for(reader.readline(), 1)
                writer.close()
                if pong.startswith(b"+PONG"):
                    return self
            except (OSError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
        raise SystemExit("redis does not answer")


class Silence:
    """A server whose packets vanish: it neither answers nor refuses. Where nft cannot be used it is halted instead, which
    differs in that its kernel still takes connections."""

    TABLE = "denizen_breaks"

    def __init__(self, process):
        self.process, self.dropped = process, False

    def begin(self):
        rules = (f"table inet {self.TABLE} {{ chain input {{ type filter hook input priority 0; "
                 f"tcp dport {self.process.port} drop; tcp sport {self.process.port} drop; }}; }}")
        if shutil.which("nft"):
            self.dropped = subprocess.run(["nft", rules], capture_output=True).returncode == 0
        if not self.dropped:
            self.process.signal(signal.SIGSTOP)
        return "its packets are dropped (nft)" if self.dropped else "halted (SIGSTOP; nft cannot be used)"

    def end(self):
        if self.dropped:
            subprocess.run(["nft", "delete", "table", "inet", self.TABLE], capture_output=True)
            self.dropped = False
        else:
            self.process.signal(signal.SIGCONT)
