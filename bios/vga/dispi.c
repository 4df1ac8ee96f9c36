/* What the dispi registers say of a linear mode. */
#include "bios/vga/dispi.h"

u32 dispi_pitch(void)
{
    u32 width = dispi_read(DISPI_VIRT_WIDTH), bits = dispi_read(DISPI_BPP);
    return bits == 4 ? width / 8 : width * ((bits + 7) / 8);
}

void dispi_view(struct view *v)
{
    u32 bits = dispi_read(DISPI_BPP), x = dispi_read(DISPI_X_OFFSET);

    v->kind = bits == 4 ? PLANAR : LINEAR;
    v->bits = (u8)bits;
    v->segment = 0xa000;
    v->pitch = dispi_pitch();
    v->start = dispi_read(DISPI_Y_OFFSET) * v->pitch + (bits == 4 ? x / 8 : x * ((bits + 7) / 8));
}
