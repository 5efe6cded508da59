"""Percentiles, and the report: tables of figures, and bars that were kept or not."""
import datetime, os, platform, subprocess

NONE = float("nan")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else NONE


def commit():
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                          cwd=os.path.dirname(os.path.abspath(__file__)))
    return told.stdout.strip() or "unknown"


def machine():
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, load averages {load}"


class Report:
    """Says everything at once on standard output, and keeps it for a file."""

    def __init__(self):
        self.lines, self.checks, self.title = [], [], ""

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def section(self, title):
        self.title = title
        self.say(f"\n## {title}\n")

    def table(self, head, rows):
        self.say("| " + " | ".join(head) + " |")
        self.say("|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|")
        for row in rows:
            self.say("| " + " | ".join(str(cell) for cell in row) + " |")
        self.say()

    def check(self, what, figure, bar, kept):
        """A promise: kept is True, False, or None where it could not be tried."""
        self.checks.append((self.title, what, figure, bar, kept))

    def broken(self):
        return [check for check in self.checks if check[4] is False]

    def verdict(self):
        """The bars of the section that was run last."""
        words = {True: "kept", False: "**BROKEN**", None: "not tried"}
        rows = [(what, figure, bar, words[kept]) for title, what, figure, bar, kept in self.checks
                if title == self.title]
        self.table(("promise", "figure", "bar", "verdict"), rows)

    def write(self, path):
        with open(path, "w") as out:
            out.write("\n".join(self.lines) + "\n")

    def head(self, title, command):
        self.say(f"# {title}\n")
        self.say(f"{datetime.date.today()}, commit {commit()}, {machine()}.\n")
        self.say(f"Command: `{command}`")
