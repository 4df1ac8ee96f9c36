/* What stands in the table for displays whose libraries Orrery was built without. */
#include "frontend/display.h"

#ifndef HAVE_SDL
const struct display_type *const display_sdl = NULL;
#endif

#ifndef HAVE_CURSES
const struct display_type *const display_curses = NULL;
#endif

#ifndef HAVE_VNC
const struct display_type *const display_vnc = NULL;

bool display_set_password(struct session *s, const char *password)
{
    (void)s;
    (void)password;
    return false;
}
#endif
