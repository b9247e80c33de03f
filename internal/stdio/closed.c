#include <errno.h>
#include <fcntl.h>

int dta_stdout_closed;

// Constructors run before Go's runtime does.
__attribute__((constructor)) static void look(void) {
	dta_stdout_closed = fcntl(1, F_GETFD) == -1 && errno == EBADF;
}
