/* What a VNC client sends, made into a PS/2 keyboard's and mouse's events. */
#ifndef FRONTEND_VNC_INPUT_H
#define FRONTEND_VNC_INPUT_H

#include "frontend/keys.h"

/* Of all clients together. Zero-initialize but for the session. */
struct vnc_input {
    struct session *session;
    struct keys_held held;
    bool placed; /* the guest's pointer is thought to be at x, y */
    int x, y;
    unsigned buttons;
};

/* A key by its symbol (RFC 6143, 7.5.4), typed so that the character appears on a US keyboard. */
void vnc_input_symbol(struct vnc_input *in, uint32_t symbol, bool down);
/* A key by position: QEMU's extended key event has the same numbers as orrery_key(). */
void vnc_input_key(struct vnc_input *in, uint32_t key, bool down);
/* The pointer at a place in a picture of this size, with RFB's buttons (7.5.5). */
void vnc_input_pointer(struct vnc_input *in, int x, int y, unsigned mask, int width, int height);
/* Nobody is there any more. */
void vnc_input_release(struct vnc_input *in);

#endif
