/* The screen as a frontend and tests see it: a picture, text cells, a picture file. PNG needs
 * libpng
 * (-Dpng=enabled); PPM is always there. */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "devices/vga.h"

#ifdef HAVE_PNG
#include <png.h>
#endif

bool orrery_screen(struct orrery *o, struct orrery_screen *screen)
{
    struct dev *vga = bus_find_dev(o->bus, VGA_ID);
    struct vga_surface s = {screen->width, screen->height, screen->pixels, screen->room};
    bool ok = vga && vga_render(vga, &s);

    *screen = (struct orrery_screen){s.width, s.height, s.pixels, s.room};
    return ok;
}

void orrery_screen_free(struct orrery_screen *screen)
{
    free(screen->pixels);
    *screen = (struct orrery_screen){0};
}

bool orrery_text(struct orrery *o, struct orrery_text *text)
{
    struct dev *vga = bus_find_dev(o->bus, VGA_ID);
    struct vga_text t = {text->columns, text->rows, text->cursor, text->cells, text->room};
    bool ok = vga && vga_text(vga, &t);

    *text = (struct orrery_text){t.columns, t.rows, t.cursor, t.cells, t.room};
    return ok;
}

void orrery_text_free(struct orrery_text *text)
{
    free(text->cells);
    *text = (struct orrery_text){0};
}

/* Pixels as bytes: red, green, blue. */
static u8 *to_bytes(const struct orrery_screen *screen)
{
    size_t n = (size_t)screen->width * screen->height;
    u8 *bytes = malloc(n * 3);

    for (size_t i = 0; bytes && i < n; i++) {
        bytes[3 * i] = (u8)(screen->pixels[i] >> 16);
        bytes[3 * i + 1] = (u8)(screen->pixels[i] >> 8);
        bytes[3 * i + 2] = (u8)screen->pixels[i];
    }
    return bytes;
}

static bool write_ppm(const struct orrery_screen *screen, const u8 *bytes, FILE *out)
{
    size_t size = (size_t)screen->width * screen->height * 3;

    fprintf(out, "P6\n%u %u\n255\n", screen->width, screen->height);
    return fwrite(bytes, 1, size, out) == size && !fflush(out);
}

#ifdef HAVE_PNG
static bool write_png(const struct orrery_screen *screen, const u8 *bytes, FILE *out)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = screen->width,
                       .height = screen->height,
                       .format = PNG_FORMAT_RGB};
    bool ok = png_image_write_to_stdio(&image, out, 0, bytes, 0, NULL);

    png_image_free(&image);
    return ok && !fflush(out);
}
#else
static bool write_png(const struct orrery_screen *screen, const u8 *bytes, FILE *out)
{
    (void)screen;
    (void)bytes;
    (void)out;
    return false;
}
#endif

bool orrery_can_png(void)
{
#ifdef HAVE_PNG
    return true;
#else
    return false;
#endif
}

bool orrery_screendump(struct orrery *o, FILE *out, enum orrery_picture format, char *err,
                       size_t err_size)
{
    struct orrery_screen screen = {0};
    const char *why = NULL;
    u8 *bytes = NULL;

    if (format == ORRERY_PNG && !orrery_can_png())
        why = "built without libpng: only PPM";
    else if (!bus_find_dev(o->bus, VGA_ID))
        why = "the machine has no VGA";
    else if (!orrery_screen(o, &screen) || !(bytes = to_bytes(&screen)))
        why = "out of memory";
    else if (!(format == ORRERY_PNG ? write_png : write_ppm)(&screen, bytes, out))
        why = "the picture cannot be written";
    if (why)
        snprintf(err, err_size, "%s", why);
    free(bytes);
    orrery_screen_free(&screen);
    return !why;
}
