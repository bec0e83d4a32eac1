@echo off
rem Runs once, at the first logon of a new Windows, as the local administrator; the image copied this folder to C:\OEM.
rem Makes Windows report to vapiorc: now, that it is installed, and at every later start, that it is ready.
rem Written for every cmd.exe from Windows XP on: no && or ||, no block redirects, no tools that only newer versions have.
rem Nothing is downloaded, and nothing about one VM is kept here: the agent reads that from the share at every start.
set SOURCE=%~dp0
set TARGET=C:\vapiorc
set LOG=%TARGET%\install.log
set RUN=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run

if not exist %TARGET%\nul mkdir %TARGET%
echo vapiorc: install.bat starts >> %LOG%

set STEP=copy the agent
copy /y "%SOURCE%agent.js" %TARGET%\agent.js >> %LOG%
if errorlevel 1 goto failed

set STEP=start the agent at every logon
reg add %RUN% /v vapiorc /t REG_SZ /d "wscript.exe //B //Nologo //E:JScript %TARGET%\agent.js" /f >> %LOG%
if errorlevel 1 goto failed

rem Your own software goes here: put its installers into this folder and start them before the report below.

echo vapiorc: installed >> %LOG%
wscript.exe //B //Nologo //E:JScript %TARGET%\agent.js installed
goto end

:failed
echo vapiorc: FAILED at: %STEP% >> %LOG%
echo vapiorc install.bat FAILED at: %STEP%>COM1
exit /b 1

:end
