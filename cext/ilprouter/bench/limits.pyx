"""The machine's own UDP limit, to put beside what the router does: echo server and client in C, 64 datagrams per call.

Owns the buffers of one loop. Shares no code with the endpoints and knows no ILP.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset


cdef extern from "ilprouter/bench/udp_echo.h" nogil:
    enum:
        ECHO_BATCH
        ECHO_AREA
    int echo_enable_merge(int fd)
    uint64_t echo_serve(int fd, uint8_t *area)
    uint64_t echo_drive(int fd, uint8_t *area, uint32_t size, uint32_t window, int offload, int64_t duration_ns)


cdef uint8_t *new_area() except NULL:
    cdef uint8_t *area = <uint8_t *>malloc(<size_t>ECHO_BATCH * ECHO_AREA)
    if area == NULL:
        raise MemoryError("echo buffers")
    memset(area, 7, <size_t>ECHO_BATCH * ECHO_AREA)
    return area


def udp_serve(int fd, *, bint offload=False):
    """Echo datagrams on a bound socket until one of a single byte comes or the socket's receive timeout passes.

    fd        blocking UDP socket with a receive timeout
    offload   use UDP_GRO and UDP_SEGMENT; OSError when the kernel lacks them
    returns   echoes sent
    """
    cdef uint8_t *area = new_area()
    cdef uint64_t echoes
    try:
        if offload and echo_enable_merge(fd) != 0:
            raise OSError("this kernel has no UDP_GRO")
        with nogil:
            echoes = echo_serve(fd, area)
        return echoes
    finally:
        free(area)


def udp_drive(int fd, uint32_t size, *, uint32_t window=512, bint offload=False, double seconds=1.0):
    """Drive an echo server through a connected socket in a closed loop.

    fd        blocking connected UDP socket with a short receive timeout: what has not come back by then counts as lost
    size      bytes of each datagram, 2 to 1 472
    window    datagrams kept on their way
    offload   send and receive merged datagrams
    returns   echoes per second
    """
    cdef uint8_t *area
    cdef uint64_t echoes
    cdef int64_t duration_ns = <int64_t>(seconds * 1e9)
    if not 2 <= size <= 1472:
        raise ValueError(f"size must be 2 to 1472, got {size}")
    area = new_area()
    try:
        if offload and echo_enable_merge(fd) != 0:
            raise OSError("this kernel has no UDP_GRO")
        with nogil:
            echoes = echo_drive(fd, area, size, window, offload, duration_ns)
        return echoes / seconds
    finally:
        free(area)
