/* Prints what the ROM shares with the library, as assembler source: the fonts
 * and the monitor's EDID. Runs on the host when the ROM is built. */
#include <stdio.h>

#include "devices/vga.h"

static void print(const char *label, const u8 *bytes, unsigned n)
{
    printf("    .globl %s\n%s:\n", label, label);
    for (unsigned i = 0; i < n; i++)
        printf(i % 16 ? ",%u" : "\n    .byte %u", bytes[i]);
    printf("\n");
}

int main(void)
{
    static const struct {
        const char *label;
        unsigned rows;
    } fonts[] = {{"font_8", 8}, {"font_14", 14}, {"font_16", 16}};
    u8 font[256 * 16], edid[VGA_EDID_SIZE];

    printf("    .section .rodata\n");
    for (unsigned i = 0; i < ARRAY_LEN(fonts); i++) {
        vga_font(font, fonts[i].rows);
        print(fonts[i].label, font, 256 * fonts[i].rows);
    }
    vga_edid(edid);
    print("edid", edid, sizeof(edid));
    return 0;
}
