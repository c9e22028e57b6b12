/* Fails to compile where the parsers assume of this system's structures what its own headers do not have:
   packaging/cross compiles it for each system, with layout.h as the example `layouts` prints it. */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_types.h>
#include <net/route.h>
#ifdef __APPLE__
#include <net/if_mib.h>
#endif
#include <stddef.h>

#define MEMBER(structure, member) (((struct structure *)0)->member)
#define SAME(real, assumed, what) _Static_assert((real) == (assumed), what " is not " #assumed);

#define SIZE(structure, bytes) SAME(sizeof(struct structure), bytes, "the size of " #structure)
#define PLACE(structure, member, place) \
    SAME(offsetof(struct structure, member), place, "the place of " #structure "." #member)
#define WIDTH(structure, member, bytes) \
    SAME(sizeof(MEMBER(structure, member)), bytes, "the size of " #structure "." #member)
#define NUMBER(name, value) SAME(name, value, #name)

#include "layout.h"
