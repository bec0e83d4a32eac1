@echo off
rem Runs the agent in this console with the given arguments, and again when it breaks off. 0: it is done; 2: the server wants nothing of it.
rem The engine is named, because an editor may have taken over the .js files. Wine knows no such switch: VAPIORC_ENGINE=none there.
set VAPIORC_CSCRIPT=cscript.exe //B //Nologo //E:JScript
if "%VAPIORC_ENGINE%"=="none" set VAPIORC_CSCRIPT=cscript.exe //B //Nologo
:again
%VAPIORC_CSCRIPT% C:\vapiorc\agent.js %*
set VAPIORC_EXIT=%errorlevel%
if "%VAPIORC_EXIT%"=="0" goto end
if "%VAPIORC_EXIT%"=="2" goto end
ping -n 6 127.0.0.1 >nul
goto again
:end
exit /b %VAPIORC_EXIT%
