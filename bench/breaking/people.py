"""People who use the system: they read their own account, refresh their session, log in."""
import asyncio

from harness.load import Request

from .lab import PASSWORD, log_in, register


class Session:
    """Somebody who is logged in. A refresh that brought no answer is repeated with the same token."""

    def __init__(self, email, access, refresh):
        self.email, self.access, self.refresh = email, access, refresh

    def take(self, answer):
        if answer.status == 200:
            self.refresh = answer.json()["refresh_token"]


class People:
    """Makes the requests of a mix: of each hundred so many refreshes, logins and requests on a route whose limit all nodes
    count together; the rest reads the own account."""

    def __init__(self, sessions, ports, refreshes, logins, counted):
        self.sessions, self.ports = sessions, ports
        self.refreshes, self.logins, self.counted = refreshes, logins, counted

    @classmethod
    async def gather(cls, ports, count, refreshes=15, logins=5, counted=0):
        emails = await register(ports[0], count, "people")
        tokens = await asyncio.gather(*(log_in(ports[0], email) for email in emails))
        return cls([Session(email, *pair) for email, pair in zip(emails, tokens)], ports, refreshes, logins, counted)

    def request(self, number):
        # 37 and 100 have no common factor: the kinds are spread over each hundred.
        place, turn = number * 37 % 100, number // 100
        port = self.ports[number % len(self.ports)]
        if place < self.refreshes:
            session = self.sessions[(turn * self.refreshes + place) % len(self.sessions)]
            body = {"refresh_token": session.refresh}
            return Request("refresh", port, "POST", "/api/v1/auth/refresh", body, then=session.take)
        if place < self.refreshes + self.logins:
            session = self.sessions[(turn * self.logins + place - self.refreshes) % len(self.sessions)]
            body = {"identifier": session.email, "password": PASSWORD}
            return Request("login", port, "POST", "/api/v1/auth/login", body)
        if place < self.refreshes + self.logins + self.counted:
            return Request("counted", port, "GET", "/counted/x")
        session = self.sessions[number % len(self.sessions)]
        return Request("me", port, "GET", "/api/v1/users/me", token=session.access)
