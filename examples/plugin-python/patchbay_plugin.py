"""Serves a source, written in Python, to patchbay.

A plugin is a program that patchbay starts. It says on standard output where it
listens and is then called over gRPC with mutual TLS. This module does all of
that; sdk/wire/plugin.proto has the calls. A source is a class:

    class Acme(Source):
        name, version, channel, summary = "acme", "0.1.0", "sms", "Acme SMS webhooks."
        signing_secret = Argument("From the dashboard.", required=True, sensitive=True)

        def configure(self, config): ...  # returns how requests are authenticated
        def parse(self, request): ...     # yields events

    serve(Acme())

Both methods are pure: nothing they return depends on the time, the network or
what came before.
"""

import base64
import datetime
import json
import os
import sys
import threading
import traceback
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import plugin_pb2 as pb

COOKIE = ("PATCHBAY_PLUGIN", "5f0d2a7c1e894b36")
PROTOCOL_VERSIONS = (1,)
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse with the status SERVING
MAX_MESSAGE = 64 << 20
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Argument:
    """One argument of the source's block in the configuration."""

    def __init__(self, doc, type="string", required=False, sensitive=False, default=None, example=""):
        self.doc, self.type, self.required, self.sensitive = doc, type, required, sensitive
        self.default, self.example = default, example

    def describe(self, name):
        default = "" if self.default is None else json.dumps(self.default)
        return pb.Attribute(name=name, type=self.type, required=self.required, sensitive=self.sensitive,
                            doc=self.doc, default=default, example=self.example)

    def accepts(self, value):
        if self.type in ("string", "duration"):
            return isinstance(value, str)
        if self.type == "bool":
            return isinstance(value, bool)
        if self.type == "int":
            return isinstance(value, int) and not isinstance(value, bool)
        if self.type == "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        if self.type == "list(string)":
            return isinstance(value, list) and all(isinstance(v, str) for v in value)
        if self.type == "map(string)":
            return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
        raise ValueError(f"arguments of type {self.type} are not served")


class Refused(Exception):
    """What is wrong with an argument. configure raises it."""

    def __init__(self, argument, summary):
        super().__init__(summary)
        self.argument = argument


class Reject(Exception):
    """The request cannot be understood. parse raises it; any other exception
    counts as "malformed". The reason must not quote the request."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class Source:
    """A source. name is the label of its blocks; the class's Arguments are theirs."""

    name = version = channel = summary = ""

    @classmethod
    def arguments(cls):
        return {k: v for c in reversed(cls.__mro__) for k, v in vars(c).items() if isinstance(v, Argument)}

    def configure(self, config):
        raise NotImplementedError

    def parse(self, request):
        raise NotImplementedError


class Request:
    """One stored request, exactly as it was received."""

    def __init__(self, delivery):
        self.method, self.url, self.body = delivery.method, delivery.url, delivery.body
        self.headers = [(h.name, h.value) for h in delivery.headers]

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The first value of a header, as bytes; empty if there is none."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), b"")


def hmac(header, key, hash="sha256", encoding="hex", signed="{body}", time="", max_age=0, prefix=""):
    """An HMAC in a header. key is a text or a list of several; max_age is in seconds."""
    keys = [key] if isinstance(key, str) else key
    return pb.Auth(signature=pb.Signature(
        algorithm="hmac", hash=hash, keys=[k.encode() for k in keys], location="{header.%s}" % header,
        encoding=encoding, prefix=prefix, signed=signed, time=time, max_age_ms=int(max_age * 1000)))


def token(header, value, prefix=""):
    """A secret that requests carry in a header as it is."""
    return pb.Auth(token=pb.Token(location="{header.%s}" % header, prefix=prefix, values=[value]))


def event(channel="", event_type="", direction="", event_timestamp=None, attributes=None, **fields):
    """An event. Words are those of plugin.proto in lower case; event_timestamp is
    a datetime or an ISO 8601 text. Leave event_type out to have it mapped."""
    e = pb.Event(**fields)
    e.channel = pb.Channel.Value("CHANNEL_" + (channel or "unspecified").upper())
    e.direction = pb.Direction.Value("DIRECTION_" + (direction or "unspecified").upper())
    e.event_type = pb.EventType.Value("EVENT_TYPE_" + (event_type or "unspecified").upper())
    if event_timestamp is not None:
        if isinstance(event_timestamp, str):
            event_timestamp = datetime.datetime.fromisoformat(event_timestamp.replace("Z", "+00:00"))
        if event_timestamp.tzinfo is None:
            event_timestamp = event_timestamp.replace(tzinfo=datetime.timezone.utc)
        e.event_timestamp = (event_timestamp - EPOCH) // datetime.timedelta(microseconds=1)
    for name, value in (attributes or {}).items():
        e.attributes.add(name=name, value=value)
    return e


def log(level, message, **fields):
    """Writes one line to patchbay's log. Never a payload, a recipient or a secret."""
    print(json.dumps({"level": level, "message": message, **fields}), file=sys.stderr, flush=True)


class Plugin:
    """The calls of plugin.proto, answered by a source."""

    def __init__(self, source):
        self.source, self.configured, self.ended = source, False, threading.Event()

    def describe(self, _, context):
        s = self.source
        schema = pb.Schema(attributes=[a.describe(n) for n, a in s.arguments().items()])
        info = pb.TypeInfo(kind=pb.TypeInfo.KIND_SOURCE, name=s.name, summary=s.summary, schema=schema,
                           source=pb.SourceTraits(channel=s.channel))
        return pb.DescribeResponse(name=s.name, version=s.version, sdk="python/0.1.0", types=[info])

    def configure(self, request, context):
        out = pb.ConfigureSourceResponse()
        given, known = json.loads(request.config_json), self.source.arguments()

        def refuse(path, summary):
            out.diagnostics.add(path=path, summary=summary)

        for name in given:
            if name not in known:
                refuse(name, f'there is no argument "{name}"')
        config = {}
        for name, a in known.items():
            value = given.get(name)
            if value is None and a.required:
                refuse(name, f'the argument "{name}" is missing')
            elif value is not None and not a.accepts(value):
                refuse(name, f'the argument "{name}" must be of type {a.type}')
            config[name] = a.default if value is None else value
        if not out.diagnostics:
            try:
                out.auth.CopyFrom(self.source.configure(config))
                self.configured = True
            except Refused as err:
                refuse(err.argument, str(err))
        return out

    def parse(self, request, context):
        if not self.configured:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not configured")
        out = pb.ParseResponse(deliveries=len(request.deliveries))
        for i, delivery in enumerate(request.deliveries):
            try:
                events = list(self.source.parse(Request(delivery)))
            except Reject as err:
                out.verdicts.add(delivery=i, code=err.code, reason=str(err))
                continue
            except Exception as err:  # the text of an exception may quote the request
                out.verdicts.add(delivery=i, code="malformed", reason=type(err).__name__)
                continue
            for e in events:
                e.delivery = i
                if e.channel == pb.CHANNEL_UNSPECIFIED:
                    e.channel = pb.Channel.Value("CHANNEL_" + self.source.channel.upper())
            out.events.extend(events)
            if not events:
                out.verdicts.add(kind=pb.Verdict.KIND_IGNORE, delivery=i, code="no_event")
        return out

    def stop(self, _, context):
        return pb.StopResponse()

    def shutdown(self, _, context):
        self.ended.set()
        return b""

    def stdio(self, _, context):
        # Here core would read what we print; ours goes to standard error.
        while context.is_active() and not self.ended.wait(1):
            pass
        return iter(())

    def services(self):
        def call(method, request=None):
            return grpc.unary_unary_rpc_method_handler(
                guarded(method), request.FromString if request else None,
                (lambda m: m.SerializeToString()) if request else None)

        return {
            "patchbay.plugin.v1.Plugin": {
                "Describe": call(self.describe, pb.DescribeRequest), "Stop": call(self.stop, pb.StopRequest)},
            "patchbay.plugin.v1.Source": {
                "Configure": call(self.configure, pb.ConfigureRequest), "Parse": call(self.parse, pb.ParseRequest)},
            "grpc.health.v1.Health": {"Check": call(lambda _, context: SERVING)},
            "plugin.GRPCController": {"Shutdown": call(self.shutdown)},
            "plugin.GRPCStdio": {"StreamStdio": grpc.unary_stream_rpc_method_handler(self.stdio)},
        }


def guarded(method):
    """An exception of the source is one call's failure and is told in the log."""

    def run(request, context):
        try:
            return method(request, context)
        except Exception as err:
            if context.code() is None:
                frames = traceback.extract_tb(err.__traceback__)
                log("error", "plugin failed", error=type(err).__name__, at=f"{frames[-1].filename}:{frames[-1].lineno}")
                context.abort(grpc.StatusCode.INTERNAL, type(err).__name__)
            raise

    return run


def certificate():
    """A key and a certificate for this process, as go-plugin makes its own."""
    key = ec.generate_private_key(ec.SECP521R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.KeyUsage(digital_signature=True, key_encipherment=True, key_agreement=True, key_cert_sign=True,
                          content_commitment=False, data_encipherment=False, crl_sign=False, encipher_only=False,
                          decipher_only=False)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                       critical=False)
        .sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, cert


def end_with_host():
    """Ends the process when patchbay, however it ended, no longer holds our standard input."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def refuse_to_start(text):
    sys.stderr.write(text + "\n")
    sys.exit(1)


def serve(source):
    """Serves the source until patchbay is done with it."""
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        refuse_to_start(f"This is a plugin of patchbay with the source {source.name}. patchbay starts it itself.")
    offered = {int(v) for v in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "1").split(",")}
    common = offered.intersection(PROTOCOL_VERSIONS)
    if not common:
        refuse_to_start(f"patchbay speaks the versions {sorted(offered)} of the protocol, this plugin {PROTOCOL_VERSIONS}.")
    client = os.environ.get("PLUGIN_CLIENT_CERT")
    if not client:
        refuse_to_start("PLUGIN_CLIENT_CERT is empty: this plugin talks over mutual TLS alone.")
    # Standard output belongs to the handshake: whatever is printed goes to the log.
    handshake = os.dup(1)
    os.dup2(2, 1)
    plugin = Plugin(source)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[
        ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)])
    for service, methods in plugin.services().items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    key, cert = certificate()
    pem = cert.public_bytes(serialization.Encoding.PEM)
    socket = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or "/tmp", f"plugin-{os.getpid()}")
    server.add_secure_port("unix:" + socket, grpc.ssl_server_credentials(
        [(key, pem)], root_certificates=client.encode(), require_client_auth=True))
    server.start()
    if os.environ.get("PATCHBAY_WATCH_STDIN"):
        threading.Thread(target=end_with_host, daemon=True).start()
    der = base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    os.write(handshake, f"1|{max(common)}|unix|{socket}|grpc|{der}\n".encode())
    os.close(handshake)
    plugin.ended.wait()
    server.stop(grace=2).wait()
