/* Output files opened in two steps: see outfile.h. */
#include "frontend/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool outfile_open(struct outfile *f, const char *path, bool append)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : 0);
    int fd = open(path, flags | O_EXCL, 0666);
    *f = (struct outfile){.path = path, .created = fd >= 0, .append = append};
    if (fd < 0 && errno == EEXIST)
        fd = open(path, flags, 0666);
    if (fd < 0)
        return false;
    f->file = fdopen(fd, "wb");
    if (!f->file)
        close(fd);
    return f->file;
}

void outfile_start(struct outfile *f)
{
    struct stat st;
    if (!f->append && !fstat(fileno(f->file), &st) && S_ISREG(st.st_mode))
        (void)!ftruncate(fileno(f->file), 0);
    f->created = false;
}

void outfile_close(struct outfile *f)
{
    fclose(f->file);
    if (f->created)
        unlink(f->path);
}
