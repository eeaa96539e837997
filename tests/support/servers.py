# SPDX-License-Identifier: Apache-2.0
"""Real servers and clients on the hosts of a lab."""

import http.client
import json
import os
import re
import selectors
import socket
import subprocess
import time

from .process import PATIENCE, LabError, wait_until

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
PYTHON = "/usr/bin/python3"

NGINX_CONFIG = """
daemon off;
master_process off;       # one process, so that nothing outlives the lab
user root;                # pages may be anywhere
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    keepalive_timeout 60s;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ {listen} root {directory}/html; index index.txt; }}
}}
"""

VSFTPD_CONFIG = """
background=NO
listen={v4}
listen_ipv6={v6}
anonymous_enable=YES
no_anon_password=YES
local_enable=NO
anon_root={directory}/files
ftp_username=ftp
connect_from_port_20=YES
secure_chroot_dir={directory}/empty
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
listen_port={port}
ftp_data_port={data_port}
"""

LOGIN = """#!/bin/sh
# What telnetd runs instead of /bin/login: a prompt that tells who answered
printf '%s login: ' '{name}'
read -r user
printf 'Here is %s. Good bye, %s.\\n' '{name}' "$user"
"""


def start_nginx(host, page, port=80, address="0.0.0.0"):
    """nginx with one page that says `page`; more files go into html_directory(host). `address`:
    that it listens at, or several."""
    directory = host.lab.path(f"{host.name}-nginx")
    host.lab.write(os.path.join(directory, "html", "index.txt"), page + "\n")
    addresses = [address] if isinstance(address, str) else address
    listen = " ".join(f"listen {each}:{port} backlog=4096;" for each in addresses)
    config = host.lab.write(os.path.join(directory, "nginx.conf"),
                            NGINX_CONFIG.format(directory=directory, listen=listen))
    process = host.start(["nginx", "-c", config, "-p", directory])
    wait_until(lambda: host.listens(port), what=f"nginx of {host} listens")
    return process


def ask_page(connection):
    """Status and body of nginx's page over an open connection, which goes on."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: cluster\r\n\r\n")
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def html_directory(host):
    return host.lab.path(f"{host.name}-nginx", "html")


def start_vsftpd(host, files, port=21, v6=False):
    """vsftpd, which lets anybody read `files`: {"name": bytes}."""
    directory = host.lab.path(f"{host.name}-vsftpd")
    os.makedirs(os.path.join(directory, "empty"))
    os.makedirs(os.path.join(directory, "files"))
    for name, content in files.items():
        with open(os.path.join(directory, "files", name), "wb") as file:
            file.write(content)
    config = host.lab.write(os.path.join(directory, "vsftpd.conf"), VSFTPD_CONFIG.format(
        directory=directory, port=port, data_port=port - 1,
        v4="NO" if v6 else "YES", v6="YES" if v6 else "NO"))
    process = host.start(["vsftpd", config])
    wait_until(lambda: host.listens(port), what=f"vsftpd of {host} listens")
    return process


def start_telnetd(host, name, port=23):
    """The real telnetd, with a login prompt of its own."""
    login = host.lab.write(f"{host.name}-login", LOGIN.format(name=name), mode=0o755)
    # telnetd looks up the client's name and its own. The machine's name server cannot be reached from here,
    # and once the director's "net unreachable" runs into its rate limit, each login would wait
    # for a resolver that gives up after 5 s. So: an /etc/hosts of its own.
    own_names = ["unshare", "--mount", "--", "sh", "-c",
                 'mount --bind "$0" /etc/hosts && exec "$@"', host.lab.hosts_file()]
    # -h: no banner with the machine's name before the prompt
    process = host.start([*own_names, PYTHON, f"{PROGRAMS}/inetd.py", port,
                          "/usr/sbin/telnetd", "-h", "-E", login], name="telnetd")
    wait_until(lambda: host.listens(port), what=f"telnetd of {host} listens")
    return process


def start_answering(host, name, *ports):
    """programs/answer.py on `ports` ("tcp:8080", "udp:53")."""
    process = host.start([PYTHON, f"{PROGRAMS}/answer.py", name, *ports], name="answer")
    process.wait_for_log("ready")
    return process


def start_sink(host, port, address="0.0.0.0"):
    process = host.start([PYTHON, f"{PROGRAMS}/sink.py", port, address], name="sink")
    process.wait_for_log("ready")
    return process


def digest_of_upload(host, address, data, timeout=30.0):
    """What a sink at `address` says that it received, as `host` sent it `data`."""
    with host.socket(timeout=timeout) as connection:
        connection.connect(address)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100).decode()


def start_connections(host, target, **options):
    """programs/connections.py in the background: --rate, --count, ... as keywords."""
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return host.start([PYTHON, f"{PROGRAMS}/connections.py", target, *words], name="connections")


def result_of(connections, timeout=60.0):
    """Ends a load of start_connections, unless it ended by itself; what it counted."""
    if "--count" in connections.command:
        connections.wait(timeout)
    else:
        connections.stop(timeout)
    return json.loads(connections.log().splitlines()[-1])


def telnet(host, address, timeout=10.0):
    """Logs in with the real telnet; the name in the login prompt tells which server answered."""
    client = subprocess.Popen(host.command(["telnet", address]), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=host.lab.environment)
    said = b""
    deadline = time.monotonic() + timeout * PATIENCE
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(client.stdout, selectors.EVENT_READ)
            while not (prompt := re.search(rb"(\w+) login: ", said)):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise LabError(f"telnet {address}: no login prompt after {timeout:g} s: {said!r}")
                piece = os.read(client.stdout.fileno(), 4096)
                if not piece:
                    raise LabError(f"telnet {address}: {said.decode(errors='replace')}")
                said += piece
        client.communicate(b"guest\n", timeout=max(1.0, deadline - time.monotonic()))
        return prompt[1].decode()
    except subprocess.TimeoutExpired:
        raise LabError(f"telnet {address}: {said!r}, and the session does not end") from None
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
