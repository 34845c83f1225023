/* Runs many commands from many processes at once and writes "wall failed" to
 * the file named first: nanoseconds for all of it, and how many commands did
 * not end with 0. Further arguments: the number of processes, a file of
 * commands (one a line, words separated by one space, the first word a path).
 * Process w takes lines w, w + n, w + 2n, ... */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int run(char *line)
{
    char *words[256];
    int count = 0, status;
    for (char *word = strtok(line, " "); word && count < 255; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    if (count == 0) return 0;
    pid_t child = vfork();
    if (child == 0) {
        execv(words[0], words);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    return status != 0;
}

/* Runs every nth line; how many failed, at most 255. */
static int work(char *text, int first, int step)
{
    int number = 0, failed = 0;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        if (!end) break;
        *end = 0;
        if (number++ % step == first) failed += run(line);
        line = end + 1;
    }
    return failed > 255 ? 255 : failed;
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    int processes = atoi(argv[2]), failed = 0;
    struct stat st;
    int fd = open(argv[3], O_RDONLY);
    if (processes < 1 || fd < 0 || fstat(fd, &st) != 0) return 2;
    char *text = malloc(st.st_size + 1);
    for (off_t done = 0; done < st.st_size;) {
        ssize_t n = read(fd, text + done, st.st_size - done);
        if (n <= 0) return 2;
        done += n;
    }
    close(fd);
    text[st.st_size] = 0;
    long long start = now();
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0) return 2;
        if (child == 0) _exit(work(text, i, processes));
    }
    for (int i = 0; i < processes; i++) {
        int status;
        if (wait(&status) < 0) return 2;
        failed += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    long long wall = now() - start;
    FILE *out = fopen(argv[1], "w");
    if (!out) return 2;
    fprintf(out, "%lld %d\n", wall, failed);
    return fclose(out) != 0;
}
