/* What a whole build cannot do less than: in the place of the compiler, copies
 * an object that was kept. First argument: the folder of kept objects; then the
 * compiler and its arguments. With -c and -o NAME, NAME becomes a copy of
 * <folder>/NAME; everything else is the compiler's. Static, without stdio. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(const char *from, const char *to)
{
    struct stat st;
    int in = open(from, O_RDONLY), out;
    if (in < 0 || fstat(in, &st) != 0) _exit(3);
    char *bytes = malloc(st.st_size + 1);
    for (off_t done = 0; done < st.st_size;) {
        ssize_t n = read(in, bytes + done, st.st_size - done);
        if (n <= 0) _exit(3);
        done += n;
    }
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0) _exit(4);
    for (off_t done = 0; done < st.st_size;) {
        ssize_t n = write(out, bytes + done, st.st_size - done);
        if (n <= 0) _exit(4);
        done += n;
    }
}

int main(int argc, char **argv)
{
    const char *output = NULL;
    int compile = 0;
    if (argc < 3) return 2;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0) compile = 1;
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) output = argv[i + 1];
    }
    if (!compile || !output) {
        execv(argv[2], argv + 2);
        return 127;
    }
    char *kept = malloc(strlen(argv[1]) + strlen(output) + 2);
    strcpy(kept, argv[1]);
    strcat(kept, "/");
    strcat(kept, output);
    copy(kept, output);
    return 0;
}
