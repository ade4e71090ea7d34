#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H
/*
 * version.h - the version that -V, the log and the listener tell.      [every process]
 *
 * The Makefile knows it; the number here is for whoever compiles without it.
 */
#ifdef PUBLISHER_VERSION
#define ISEKAI_VERSION PUBLISHER_VERSION
#else
#define ISEKAI_VERSION "0.1.0"
#endif

#endif
