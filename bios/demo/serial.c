/* The serial port COM1, a 16550, at 115200 bits a second. What is sent waits in a ring until the
 * chip has room, so nobody ever waits for the line; what comes are keys, arrows as terminals send
 * them. */
#include "bios/demo/demo.h"

#define PORT      0x3f8
#define DATA      (PORT + 0)
#define ENABLE    (PORT + 1)
#define FIFO      (PORT + 2)
#define LINE      (PORT + 3)
#define MODEM     (PORT + 4)
#define STATUS    (PORT + 5)
#define SCRATCH   (PORT + 7)
#define FIFO_SIZE 16
#define ESC_TICKS 10 /* as long an ESC may be the beginning of something */

static char ring[4096];
static volatile u32 ring_in, ring_out;
static bool there;
static volatile bool sending; /* the chip interrupts when it has room */
static enum { PLAIN, AFTER_ESC, AFTER_BRACKET, IN_NUMBER } state;
static u32 esc_tick;
static char number;

/* What follows ESC [ or ESC O; with a digit, also a '~'. */
static const struct {
    char final;
    u16 key;
} sequences[] = {
    {'A', KEY_UP},  {'B', KEY_DOWN}, {'C', KEY_RIGHT}, {'D', KEY_LEFT},    {'H', KEY_HOME},
    {'F', KEY_END}, {'1', KEY_HOME}, {'4', KEY_END},   {'5', KEY_PAGE_UP}, {'6', KEY_PAGE_DOWN},
};

static int sequence_key(char c)
{
    for (unsigned i = 0; i < ARRAY_LEN(sequences); i++)
        if (sequences[i].final == c)
            return sequences[i].key;
    return KEY_NONE;
}

static int plain_key(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 'a';
    if (c == 12) /* Ctrl-L, as everywhere */
        return KEY_REDRAW;
    if (c == 127)
        return KEY_BACKSPACE;
    return c == '\n' ? KEY_ENTER : c;
}

static void receive(char c)
{
    switch (state) {
    case PLAIN:
        if (c == KEY_ESC) {
            state = AFTER_ESC;
            esc_tick = ticks;
        } else {
            key_push(plain_key(c));
        }
        return;
    case AFTER_ESC:
        state = c == '[' || c == 'O' ? AFTER_BRACKET : PLAIN;
        if (state == PLAIN) {
            key_push(KEY_ESC);
            receive(c);
        }
        return;
    case AFTER_BRACKET:
        state = c >= '0' && c <= '9' ? IN_NUMBER : PLAIN;
        number = c;
        if (state == PLAIN)
            key_push(sequence_key(c));
        return;
    case IN_NUMBER:
        if (c == '~')
            key_push(sequence_key(number));
        if (c < '0' || c > ';')
            state = PLAIN;
    }
}

static void send_some(void)
{
    for (unsigned i = 0; i < FIFO_SIZE && ring_in != ring_out; i++)
        outb(DATA, (u8)ring[ring_out++ % sizeof(ring)]);
}

static void serial_interrupt(void)
{
    u8 status;

    while ((status = inb(STATUS)) & 1)
        receive((char)inb(DATA));
    if (status & 0x20)
        send_some();
    if (sending && ring_in == ring_out) {
        sending = false;
        outb(ENABLE, 1); /* no more interrupts for being empty */
    }
}

void serial_poll(void)
{
    interrupts_off();
    if (state == AFTER_ESC && ticks - esc_tick > ESC_TICKS) {
        state = PLAIN;
        key_push(KEY_ESC);
    }
    if (there && ring_in != ring_out && inb(STATUS) & 0x20)
        send_some();
    interrupts_on();
}

bool serial_there(void)
{
    return there;
}

unsigned serial_room(void)
{
    return there ? sizeof(ring) - (ring_in - ring_out) : 0;
}

void serial_send(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ring[(ring_in + i) % sizeof(ring)] = data[i];
    ring_in += len;
    if (!sending) {
        sending = true;
        outb(ENABLE, 3);
    }
}

/* A port that is not there reads as ones. Divisor 1 is 115200; 8 bits, no parity; FIFOs on; OUT2
 * connects the interrupt. */
void serial_init(void)
{
    static const u8 setup[][2] = {{1, 0}, {3, 0x80}, {0, 1},    {1, 0},
                                  {3, 3}, {2, 7},    {4, 0x0b}, {1, 1}};

    outb(SCRATCH, 0x5a);
    there = inb(SCRATCH) == 0x5a;
    if (!there)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(setup); i++)
        outb(PORT + setup[i][0], setup[i][1]);
    irq_connect(IRQ_COM1, serial_interrupt);
}
