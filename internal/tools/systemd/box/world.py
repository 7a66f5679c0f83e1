"""The box's world: a DNS server for prom.box.test, and an HTTP server that answers Prometheus' queries with nothing.

The token that came with the last query is kept in /run/world.token.
"""
import http.server
import socket
import threading


class Prometheus(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        with open("/run/world.token", "w", encoding="utf-8") as f:
            f.write(self.headers.get("Authorization") or "")
        body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


def dns():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        query, peer = server.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        a = query[end - 4:end - 2] == b"\0\1"
        head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if a else b""
        server.sendto(head + query[12:end] + record, peer)


threading.Thread(target=dns, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 9090), Prometheus).serve_forever()
