/* The PS/2 mouse, behind the keyboard's controller. It sends packets of three bytes: buttons and
 * signs, the way to the right, the way up. */
#include "bios/demo/demo.h"

#define TO_MOUSE     0xd4
#define READ_CONFIG  0x20
#define WRITE_CONFIG 0x60
#define ENABLE_MOUSE 0xa8
#define SET_DEFAULTS 0xf6
#define START        0xf4
#define ACK          0xfa

struct mouse mouse = {.width = COLS * 8, .height = ROWS * 16};

static unsigned bytes; /* of the packet so far */

static int clamp(int v, int max)
{
    return v < 0 ? 0 : v > max ? max : v;
}

static void packet(void)
{
    u8 head = mouse.packet[0], buttons = head & 7;

    mouse.packets++;
    mouse.x = clamp(mouse.x + mouse.packet[1] - (head << 4 & 0x100), mouse.width - 1);
    mouse.y = clamp(mouse.y - mouse.packet[2] + (head << 3 & 0x100), mouse.height - 1);
    mouse.clicks += buttons & ~mouse.buttons & 1;
    mouse.buttons = buttons;
}

static void mouse_interrupt(void)
{
    u8 byte = inb(0x60);

    if (!bytes && !(byte & 8)) /* no first byte: somewhere one was lost */
        return;
    mouse.packet[bytes++] = byte;
    if (bytes == sizeof(mouse.packet)) {
        bytes = 0;
        packet();
    }
}

void mouse_area(int width, int height)
{
    mouse.x = mouse.x * width / mouse.width;
    mouse.y = mouse.y * height / mouse.height;
    mouse.width = width;
    mouse.height = height;
}

static bool controller_write(u16 port, u8 v)
{
    if (!controller_ready(2, 0))
        return false;
    outb(port, v);
    return true;
}

static bool tell_mouse(u8 command)
{
    return controller_write(0x64, TO_MOUSE) && controller_write(0x60, command) &&
           controller_ready(1, 1) && inb(0x60) == ACK;
}

/* Bit 1 of the configuration lets the mouse interrupt, bit 5 would stop its clock. */
void mouse_init(void)
{
    mouse.x = mouse.width / 2;
    mouse.y = mouse.height / 2;
    if (!controller_write(0x64, ENABLE_MOUSE) || !controller_write(0x64, READ_CONFIG) ||
        !controller_ready(1, 1))
        return;
    u8 config = (inb(0x60) | 0x42 | 1) & (u8)~0x20;
    controller_write(0x64, WRITE_CONFIG);
    controller_write(0x60, config);
    mouse.there = tell_mouse(SET_DEFAULTS) && tell_mouse(START);
    if (mouse.there)
        irq_connect(IRQ_MOUSE, mouse_interrupt);
}
