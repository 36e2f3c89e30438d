/* settle ADMIN_SOCKET ACCOUNT AMOUNT SCALE KEY: show the books, then report a settlement that was received, as an engine does.
 * Raw HTTP/1.1 over the admin socket (IL-RFC 38): what a daemon in any language does. cc -o settle settle.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Send one request and print its answer. Returns the HTTP status; 0: no answer, so ask again with the same key. */
static int ask(const char *path, const char *request, size_t len) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char answer[65536];
    size_t have = 0;
    ssize_t got = 0;
    int status = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strlen(path) >= sizeof to.sun_path) return 0;
    strcpy(to.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror(path);
        exit(1);
    }
    if (send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len)
        while (have < sizeof answer - 1 && (got = read(fd, answer + have, sizeof answer - 1 - have)) > 0) have += (size_t)got;
    close(fd);
    answer[have] = 0;
    char *body = strstr(answer, "\r\n\r\n");
    if (got < 0 || !body || sscanf(answer, "HTTP/1.1 %d", &status) != 1) return 0;
    printf("%d %s\n", status, body + 4);
    return status;
}

int main(int argc, char **argv) {
    char body[512], request[2048];
    if (argc != 6) {
        fprintf(stderr, "usage: settle ADMIN_SOCKET ACCOUNT AMOUNT SCALE KEY\n");
        return 2;
    }
    const char *get = "GET /v1/accounts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if (ask(argv[1], get, strlen(get)) != 200) return 1;
    int size = snprintf(body, sizeof body, "{\"amount\":\"%s\",\"scale\":%s}", argv[3], argv[4]);
    if (size < 0 || (size_t)size >= sizeof body) return 2;
    size = snprintf(request, sizeof request,
                    "POST /accounts/%s/settlements HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Idempotency-Key: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                    argv[2], argv[5], size, body);
    if (size < 0 || (size_t)size >= sizeof request) return 2;
    int status = ask(argv[1], request, (size_t)size);
    return status >= 200 && status < 300 ? 0 : status ? 4 : 75; /* done, refused for good, ask again */
}
