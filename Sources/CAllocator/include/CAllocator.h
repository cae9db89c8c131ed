#pragma once

/// Gives memory that was freed back to the system, where the C library can.
void gauntlet_allocator_trim(void);
