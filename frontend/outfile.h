/* Files for output that stay as they are until the machine stands: a run that is refused has
 * overwritten nothing and leaves no new file behind. */
#ifndef FRONTEND_OUTFILE_H
#define FRONTEND_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

struct outfile {
    FILE *file;
    const char *path;
    bool created; /* was not there before */
    bool append;
};

/* Opens path for writing, contents untouched; append: for good. False with errno. path must stay
 * valid. */
bool outfile_open(struct outfile *f, const char *path, bool append);

/* All is well: empties the file. What was buffered until now is written to it. */
void outfile_start(struct outfile *f);

/* Closes it. One that was never started and not there before goes away. */
void outfile_close(struct outfile *f);

#endif
