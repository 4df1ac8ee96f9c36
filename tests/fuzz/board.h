/* The board that fuzzer and regression scripts run on: a whole PC with every device there is,
 * disks, discs and chardevs, 2 MiB of RAM and no CPU. */
#ifndef TESTS_FUZZ_BOARD_H
#define TESTS_FUZZ_BOARD_H

#include "tests/fuzz/rig.h"
#include "tests/fuzz/script.h"

#define BOARD_RAM   (2u << 20)
#define BOARD_PORTS 9 /* chardevs */

/* Image files for the drives, with the disk's sector numbers in their words; in the folder of
 * temporary files, until media_remove(). */
struct media {
    char disk[32], disc[32], floppy[32];
};
void media_make(struct media *m);
void media_remove(struct media *m);

struct board;

/* A board at power-on; all of them are equal. heard: somebody listens to its sound, which must make
 * no difference. Exits with a message if one cannot be built. */
struct board *board_open(const struct media *m, bool heard);
void board_close(struct board *b);
struct devtest *board_rig(struct board *b);

/* Does an op. Returns false and a message in err where an expectation fails; ends the process with
 * a report if it took a second of CPU time: what a guest asks of a device may cost that much at no
 * time. */
bool board_run(struct board *b, const struct op *op, char *err, size_t err_size);

/* Hash of the whole board, RAM included. */
u64 board_hash(struct board *b);

/* Draws the picture of whatever state the VGA is in. */
void board_draw(struct board *b);

#endif
