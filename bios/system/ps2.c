/* The keyboard controller: commands, bytes to keyboard and mouse, and their answers. */
#include "bios/system/services.h"

#define STATUS 0x64
#define DATA   0x60
enum { OUT_FULL = 1, IN_FULL = 2, FROM_MOUSE = 0x20 };
enum { ACK = 0xfa, TRIES = 4000 };

/* A dialogue with the controller is not for INT 09 to listen to. */
static u16 lock(void)
{
    u16 flags;
    asm volatile("pushfw\n\tpopw %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

static void unlock(u16 flags)
{
    asm volatile("pushw %0\n\tpopfw" : : "r"(flags) : "memory");
}

static bool wait_status(u8 mask, u8 value)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if ((inb(STATUS) & mask) == value)
            return true;
        delay_us(10);
    }
    return false;
}

bool ps2_command(u8 command)
{
    if (!wait_status(IN_FULL, 0))
        return false;
    outb(STATUS, command);
    return true;
}

static bool ps2_data(u8 byte)
{
    if (!wait_status(IN_FULL, 0))
        return false;
    outb(DATA, byte);
    return true;
}

bool ps2_read(u8 *byte)
{
    if (!wait_status(OUT_FULL, OUT_FULL))
        return false;
    *byte = inb(DATA);
    return true;
}

/* The output port as it always is, but for bit 1; the wait is until the controller has taken it. */
bool ps2_a20(bool open)
{
    u16 flags = lock();
    bool ok = ps2_command(0xd1) && ps2_data(open ? 0xdf : 0xdd) && wait_status(IN_FULL, 0);

    unlock(flags);
    return ok;
}

/* Sends to keyboard or mouse and waits for its acknowledge. Bytes of keys that come in between are
 * lost, as there is nowhere to put them. */
static bool send(u8 byte, bool mouse)
{
    u8 answer;

    if ((mouse && !ps2_command(0xd4)) || !ps2_data(byte))
        return false;
    for (unsigned i = 0; i < 16; i++) {
        if (!ps2_read(&answer))
            return false;
        if (answer == ACK)
            return true;
    }
    return false;
}

bool ps2_keyboard(u8 byte)
{
    u16 flags = lock();
    bool ok = send(byte, false);

    unlock(flags);
    return ok;
}

bool ps2_mouse(u8 byte)
{
    u16 flags = lock();
    bool ok = send(byte, true);

    unlock(flags);
    return ok;
}

u8 ps2_config(u8 clear, u8 set)
{
    u16 flags = lock();
    u8 config = 0;

    ps2_command(0x20);
    ps2_read(&config);
    config = (u8)((config & ~clear) | set);
    ps2_command(0x60);
    ps2_data(config);
    unlock(flags);
    return config;
}

/* Keyboard and controller have tested themselves at power-on, which takes them half a second:
 * nobody waits for that here. What stays to be read from the data port is the keyboard's last
 * acknowledge: programs that never look at the status take it for a key's release. */
void ps2_init(void)
{
    u16 flags = lock();
    u8 byte;

    while (inb(STATUS) & OUT_FULL)
        inb(DATA);
    ps2_command(0xa7);
    ps2_command(0xaa);
    ps2_read(&byte);
    ps2_config(0x32, 0x65); /* translation, system flag, IRQ 1; the mouse stays off */
    ps2_command(0xae);
    send(0xf6, false); /* defaults */
    send(0xf4, false); /* keys, please */
    unlock(flags);
}
