/*
 * Stands in for a program that Wine lacks or only pretends to have. Notes its command line in C:\recorded.txt, prints C:\recorder\<name>.txt
 * when there is one, and exits with the code of the first line of C:\recorder\codes.txt ("code text") whose text is in the command line.
 * As taskkill it also does what it is told, with all children.
 */
#include <windows.h>
#include <tlhelp32.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void kill_tree(DWORD pid) {
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0), process;
  PROCESSENTRY32 entry = {sizeof entry};
  for (BOOL more = Process32First(all, &entry); more; more = Process32Next(all, &entry))
    if (entry.th32ParentProcessID == pid && entry.th32ProcessID != pid) kill_tree(entry.th32ProcessID);
  CloseHandle(all);
  process = OpenProcess(PROCESS_TERMINATE, FALSE, pid);
  if (process) TerminateProcess(process, 1), CloseHandle(process);
}

int main(int argc, char **argv) {
  char name[MAX_PATH], path[MAX_PATH], line[4096], *base, *dot;
  const char *command = GetCommandLineA();
  FILE *file;
  GetModuleFileNameA(NULL, name, sizeof name);
  base = strrchr(name, '\\') + 1;
  if ((dot = strrchr(base, '.'))) *dot = 0;
  /* Past the program's own name, however it was written. */
  command += *command == '"' ? strcspn(command + 1, "\"") + 2 : strcspn(command, " ");
  command += strspn(command, " ");
  snprintf(line, sizeof line, "%s %s", base, command);
  for (size_t end = strlen(line); end > 0 && line[end - 1] == ' '; end--) line[end - 1] = 0;
  if ((file = fopen("C:\\recorded.txt", "ab"))) fprintf(file, "%s\n", line), fclose(file);
  snprintf(path, sizeof path, "C:\\recorder\\%s.txt", base);
  if ((file = fopen(path, "rb"))) {
    int c;
    while ((c = fgetc(file)) != EOF) putchar(c);
    fclose(file);
  }
  if (!strcmp(base, "taskkill") && argc > 1) kill_tree(strtoul(argv[argc - 1], NULL, 10));
  if ((file = fopen("C:\\recorder\\codes.txt", "rb"))) {
    char rule[1024];
    while (fgets(rule, sizeof rule, file)) {
      char *text = strchr(rule, ' ');
      rule[strcspn(rule, "\r\n")] = 0;
      if (text && strstr(line, text + 1)) return atoi(rule);
    }
    fclose(file);
  }
  return 0;
}
