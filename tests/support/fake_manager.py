"""A PBX for tests of the doctor: it answers AMI actions on loopback as Asterisk 22 does.

Tests change its attributes. Each attribute is one possible mistake of an administrator.
"""

import re
import time

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

__all__ = ["Pbx"]


class Pbx(Factory):
    noisy = False

    def __init__(self):
        self.banner = "Asterisk Call Manager/11.0.0"
        self.version = "22.10.1"
        self.secret_fits = True
        self.clock_ahead = 0.0
        self.actions = {"Ping": "<none>", "QueueStatus": "<none>", "CoreShowChannels": "system,reporting,all"}
        self.actions |= {"Getvar": "call,reporting,all", "ShowDialPlan": "config,reporting,all"}
        self.actions_of = {}  # the actions of a second user
        self.passes = re.compile("QUEUESTATUS")  # variables that the event filter lets pass
        self.stamps = True
        self.queues = {"sales": ["PJSIP/1"]}
        self.lacks = {
            "app-blackhole",
            "cc-bridge-freepbx-queue",
        }  # missing contexts; the first one is FreePBX's
        self.variables = {"CCB_AGI": "", "ASTDATADIR": "/no/such/folder"}
        self.settings = {
            ("manager.conf", "general", "enabled"): "yes",
            ("manager.conf", "general", "timestampevents"): "yes",
            ("manager.conf", "cc_bridge", "read"): "system,call,agent,user,dialplan",
            ("queues.conf", "sales", "strategy"): "ringall",
            ("queues.conf", "sales", "setinterfacevar"): "yes",
        }
        self.silent_about = set()  # actions that get no answer
        self.sessions = []
        self.listening = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port = self.listening.getHost().port

    def buildProtocol(self, _address):
        session = _Session(self)
        self.sessions.append(session)
        return session


class _Session(LineReceiver):
    delimiter = b"\r\n"

    def __init__(self, pbx):
        self.pbx = pbx
        self.action = {}
        self.user = ""
        self.gone = False

    def connectionMade(self):
        self.sendLine(self.pbx.banner.encode())

    def connectionLost(self, reason):
        self.gone = True

    def lineReceived(self, line):
        if line:
            name, _, value = line.decode().partition(": ")
            self.action[name] = value
            return
        action, self.action = self.action, {}
        if action["Action"] not in self.pbx.silent_about:
            getattr(self, f"on_{action['Action'].lower()}")(action)

    def say(self, *lines):
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

    def answer(self, action, *lines, response="Success"):
        self.say(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines)

    def item(self, action, event, *lines):
        self.say(f"Event: {event}", f"ActionID: {action['ActionID']}", *lines)

    def on_challenge(self, action):
        self.answer(action, "Challenge: 1")

    def on_login(self, action):
        if not self.pbx.secret_fits:
            self.answer(action, "Message: Authentication failed", response="Error")
            return
        self.user = action["Username"]
        self.answer(action, "Message: Authentication accepted")
        self.say("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")

    def on_ping(self, action):
        self.answer(action, "Ping: Pong", f"Timestamp: {time.time() + self.pbx.clock_ahead}")

    def on_listcommands(self, action):
        actions = self.pbx.actions_of.get(self.user, self.pbx.actions)
        self.answer(action, *(f"{name}: Text.  (Priv: {of})" for name, of in actions.items()))

    def on_originate(self, action):
        self.answer(action, "Message: Permission denied", response="Error")

    def on_coresettings(self, action):
        self.answer(action, f"AsteriskVersion: {self.pbx.version}")

    def on_getvar(self, action):
        expression = action["Variable"]
        value = self.pbx.variables.get(expression, "")
        if inside := re.fullmatch(r"AST_CONFIG\((.*)\)", expression):
            file, section, key, _index = inside[1].split(",")
            value = self.pbx.settings.get((file, section, key), "")
        if setting := re.fullmatch(r"SET\((\w+)=(.*)\)", expression):
            value = setting[2]
        self.answer(action, f"Variable: {expression}", f"Value: {value}")
        if setting and self.pbx.passes.search(setting[1]):
            stamp = [f"Timestamp: {time.time()}"] if self.pbx.stamps else []
            told = ["Channel: none", "Uniqueid: none", f"Variable: {setting[1]}", f"Value: {value}"]
            self.say("Event: VarSet", "Privilege: dialplan,all", *stamp, *told)

    def on_queuestatus(self, action):
        self.answer(action, "EventList: start")
        for queue, members in self.pbx.queues.items():
            self.item(action, "QueueParams", f"Queue: {queue}")
            for member in members:
                self.item(action, "QueueMember", f"Queue: {queue}", f"Location: {member}")
        self.item(action, "QueueStatusComplete", "EventList: Complete")

    def on_showdialplan(self, action):
        if action["Context"] in self.pbx.lacks:
            self.answer(action, "Message: Did not find context", response="Error")
            return
        self.answer(action, "EventList: start")
        self.item(action, "ListDialplan", f"Context: {action['Context']}")
        self.item(action, "ShowDialPlanComplete", "EventList: Complete")
