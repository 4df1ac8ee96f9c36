/* What firmware, kernels and their modules share: reading a file, and saying why not. */
#include "machine/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool boot_refuse(char *err, size_t size, const char *what, const char *path, const char *why)
{
    snprintf(err, size, "%s '%s': %s", what, path, why);
    return false;
}

bool boot_read_file(const char *what, const char *path, u8 **data, u64 *len, char *err, size_t size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return boot_refuse(err, size, what, path, strerror(errno));
    bool ok = false;
    long end = -1;
    struct stat st;
    if (!fstat(fileno(f), &st) && S_ISDIR(st.st_mode)) {
        boot_refuse(err, size, what, path, "is a directory");
    } else if (fseek(f, 0, SEEK_END) || (end = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        boot_refuse(err, size, what, path, "not a regular file");
    } else if (end == 0) {
        boot_refuse(err, size, what, path, "the file is empty");
    } else {
        *len = (u64)end;
        *data = malloc((size_t)end);
        ok = *data && fread(*data, 1, (size_t)end, f) == (size_t)end;
        if (!ok)
            boot_refuse(err, size, what, path, *data ? "cannot be read" : "too large");
    }
    fclose(f);
    return ok;
}
