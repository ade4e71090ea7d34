/*
 * config_table.c, config_example.c: the table of settings is sound, and the example files are it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/config_table.h"
#include "tests/unit/config_case.h"

static bool update;

static void
table_is_consistent(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];

		assert_true(strlen(setting->env) + sizeof("_FILE") <= CONFIG_NAME_SIZE);
		assert_true(strlen(setting->key) + sizeof("_file") <= 50); /* inih's longest name */
		assert_true(strlen(setting->section) < 50);
		assert_ptr_equal(config_setting_find(setting->section, setting->key), setting);
		assert_ptr_equal(config_setting_nearest(setting->section, setting->key), setting);
		assert_non_null(setting->doc);
		if (setting->default_text == NULL)
			assert_non_null(setting->example);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(setting->env, config_settings[j].env);
	}
}

/* The test is run from the root of the source. UPDATE=1 writes the files instead. */
static void
example_file_equals_the_table(const char *path, enum config_example kind)
{
	char *expected = NULL, *found;
	size_t size = 0;
	FILE *file = open_memstream(&expected, &size);

	assert_non_null(file);
	assert_true(config_print_example(file, kind));
	fclose(file);
	if (update)
		config_case_write(path, expected, size);
	file = fopen(path, "r");
	assert_non_null(file);
	found = calloc(1, size + 2);
	assert_non_null(found);
	assert_int_equal(fread(found, 1, size + 1, file), size);
	assert_string_equal(found, expected);
	fclose(file);
	free(found);
	free(expected);
}

static void
config_example_ini_equals_the_table(void **state)
{
	(void)state;
	example_file_equals_the_table("config.example.ini", CONFIG_EXAMPLE_INI);
}

static void
env_example_equals_the_table(void **state)
{
	(void)state;
	example_file_equals_the_table(".env.example", CONFIG_EXAMPLE_ENV);
}

static void
example_is_a_working_configuration(void **state)
{
	struct config *config;

	(void)state;
	config_case_clear();
	config = config_case_load("config.example.ini");
	assert_string_equal(config->database.schema, "public");
	config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_consistent),
		cmocka_unit_test(config_example_ini_equals_the_table),
		cmocka_unit_test(env_example_equals_the_table),
		cmocka_unit_test(example_is_a_working_configuration),
	};

	update = getenv("UPDATE") != NULL;
	return cmocka_run_group_tests_name("config_table", tests, NULL, NULL);
}
