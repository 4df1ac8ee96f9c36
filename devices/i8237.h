/* What a device on the ISA bus uses DMA by. Channels 0 to 3 move bytes, 5 to 7 words; 4 is the
 * cascade of the first four.
 *
 * A device raises its request, moves what it can at once with i8237_transfer(), and is called back
 * when its channel is set free later:
 *
 *     i8237_attach(dma, 2, on_granted, s);
 *     ...
 *     i8237_request(dma, 2, true);
 *     moved = i8237_transfer(dma, 2, buf, len, false, &tc);
 *     ...
 *     i8237_request(dma, 2, false); */
#ifndef DEVICES_I8237_H
#define DEVICES_I8237_H

#include "devices/core/dev.h"

#define I8237_ID "i8237"

/* The controllers of the board, or NULL. */
struct dev *i8237_find(struct bus *bus);

/* Device's init: `granted` is called when the channel can move data and its request is up, after a
 * time in which it could not. The device may transfer and lower its request in it. */
void i8237_attach(struct dev *dma, unsigned channel, void (*granted)(void *opaque), void *opaque);

/* For a device that does transfers late: `look` is called before the guest sees or changes anything
 * here, to catch up; `programmed` after it has changed something, so that a channel may be free
 * now. */
struct i8237_watch {
    void (*look)(void *opaque);
    void (*programmed)(void *opaque);
    void *opaque;
    struct i8237_watch *next;
};

/* Device's init: adds a watch, part of the device's struct. */
void i8237_watch(struct dev *dma, struct i8237_watch *watch);

/* Drives the request line (DREQ) of a channel. */
void i8237_request(struct dev *dma, unsigned channel, bool level);

/* Moves at most len bytes (channels 5 to 7: an even number) between buf and memory, as the channel
 * is programmed. Returns how many cycles' worth of bytes went by: fewer than len at terminal count,
 * 0 while the channel is masked or off. *tc: terminal count came with the last of them.
 *
 * The channel's mode decides what memory does: a verify moves nothing, and so does a transfer
 * against the direction of the device, which then reads ones. */
u32 i8237_transfer(struct dev *dma, unsigned channel, void *buf, u32 len, bool to_device, bool *tc);

#endif
