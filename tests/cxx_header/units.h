// What the two files share.
#ifndef UNITS_H
#define UNITS_H

int second_unit(int number);

#endif
