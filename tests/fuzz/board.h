/* The board that fuzzer and regression scripts run on: a whole PC with every device there is,
 * disks, discs and chardevs, 2 MiB of RAM and no CPU. */
#ifndef TESTS_FUZZ_BOARD_H
#define TESTS_FUZZ_BOARD_H

#include "tests/fuzz/rig.h"
#include "tests/fuzz/script.h"

#define BOARD_RAM   (2u << 20)
#define BOARD_PORTS 9 /* chardevs */

/* Images for the drives, with their sector numbers in their words. They are in memory and have
 * these paths in every process, so that scripts can say which medium is put in. */
#define MEDIA_DISK   "/proc/self/fd/100"
#define MEDIA_DISC   "/proc/self/fd/101"
#define MEDIA_FLOPPY "/proc/self/fd/102"
void media_make(void); /* once */

struct board;

/* A board at power-on; all of them are equal, and know nothing of each other. heard: somebody
 * listens to its sound, which must make no difference. Ends the process with a message if one
 * cannot be built. */
struct board *board_open(bool heard);
void board_close(struct board *b);
struct devtest *board_rig(struct board *b);

/* Puts a board back to where board_open() left it: the same as a new one, in a fraction of the
 * time. */
void board_renew(struct board *b);

/* Does an op. Returns false and a message in err where an expectation fails; ends the process with
 * a report if it took a second of CPU time: what a guest asks of a device may cost that much at no
 * time. A script may have so many events of the clock; after those time stands still. */
bool board_run(struct board *b, const struct op *op, char *err, size_t err_size);

/* Hash of the whole board, RAM included. */
u64 board_hash(struct board *b);

/* Draws the picture of whatever state the VGA is in. */
void board_draw(struct board *b);

#endif
