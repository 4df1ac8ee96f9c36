/* The keyboard: scan codes of set 1, which the controller makes of the keyboard's own set 2, become
 * keys. All sources of keys (keyboard, serial port, mouse clicks) end in one queue. */
#include "bios/demo/demo.h"

#define RELEASE  0x80
#define EXTENDED 0xe0

u8 scan_codes[16];
u32 scan_code_count;

static int queue[32];
static volatile u32 queue_in, queue_out;
static bool extended;

/* From code 01h on. Zeros: keys that mean nothing here. */
static const char plain[] = "\x1b"
                            "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";

static const struct {
    u8 code;
    u16 key;
} others[] = {
    {0x48, KEY_UP},   {0x50, KEY_DOWN},    {0x4b, KEY_LEFT},      {0x4d, KEY_RIGHT},
    {0x47, KEY_HOME}, {0x49, KEY_PAGE_UP}, {0x51, KEY_PAGE_DOWN}, {0x4f, KEY_END},
    {0x1c, '\r'},     {0x4e, '+'},         {0x4a, '-'},           {0x35, '/'},
};

static int translate(u8 code)
{
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].code == code && (extended || code >= 0x47))
            return others[i].key;
    return !extended && code && code < sizeof(plain) ? plain[code - 1] : KEY_NONE;
}

void key_push(int key)
{
    if (key == KEY_NONE || queue_in - queue_out == ARRAY_LEN(queue))
        return;
    queue[queue_in % ARRAY_LEN(queue)] = key;
    queue_in++;
}

int key_next(void)
{
    if (queue_in == queue_out)
        return KEY_NONE;
    return queue[queue_out++ % ARRAY_LEN(queue)];
}

static void keyboard_interrupt(void)
{
    u8 code = inb(0x60);

    scan_codes[scan_code_count++ % ARRAY_LEN(scan_codes)] = code;
    if (code == EXTENDED) {
        extended = true;
        return;
    }
    if (!(code & RELEASE))
        key_push(translate(code));
    extended = false;
}

bool controller_ready(u8 mask, u8 wanted)
{
    for (u32 i = 0; i < 100000; i++)
        if ((inb(0x64) & mask) == wanted)
            return true;
    return false;
}

void keyboard_init(void)
{
    while (inb(0x64) & 1 && inb(0x64) != 0xff) /* what was typed before */
        inb(0x60);
    irq_connect(IRQ_KEYBOARD, keyboard_interrupt);
}
