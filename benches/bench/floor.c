/* What a cache hit cannot do less than: start, look at every dependency once,
 * write the object. Arguments: a file of dependencies (one a line), the stored
 * object, where it goes. Static, without stdio. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *slurp(const char *path, size_t *length)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) _exit(2);
    char *bytes = malloc(st.st_size + 1);
    size_t done = 0;
    while (done < (size_t)st.st_size) {
        ssize_t n = read(fd, bytes + done, st.st_size - done);
        if (n <= 0) _exit(2);
        done += n;
    }
    close(fd);
    bytes[done] = 0;
    *length = done;
    return bytes;
}

int main(int argc, char **argv)
{
    size_t length;
    if (argc != 4) return 2;
    char *list = slurp(argv[1], &length);
    for (char *line = list; *line;) {
        char *end = strchr(line, '\n');
        struct stat st;
        if (!end) break;
        *end = 0;
        if (stat(line, &st) != 0) return 3;
        line = end + 1;
    }
    char *object = slurp(argv[2], &length);
    int fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0) return 4;
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, object + done, length - done);
        if (n <= 0) return 4;
        done += n;
    }
    return 0;
}
