@echo off
rem Runs once, at the first logon of a new Windows, as the local administrator; the image copied this folder to C:\OEM.
rem Sets Windows up for vapiorc, runs what lies in "custom", and reports "installed", or "failed" with the step. It may run again.
rem Written for every cmd.exe from Windows XP on: no double ampersands or bars, no blocks, no tools that only newer versions have.
rem Nothing is downloaded, and nothing about one VM is kept here: the agent reads that from the share at every start.
setlocal
set SOURCE=%~dp0
set TARGET=C:\vapiorc
set LOG=%TARGET%\install.log
set AGENT=%TARGET%\agent.cmd
rem Wine knows no //E switch; there VAPIORC_ENGINE is "none".
set ENGINE=//E:JScript
if "%VAPIORC_ENGINE%"=="none" set ENGINE=
set STEP=
set REASON=
set DONE=0
set OF=9

rem They may be there already.
mkdir %TARGET% 2>nul
mkdir %TARGET%\hooks 2>nul
>>%LOG% echo ---- install.bat starts in %SOURCE%
>>%LOG% echo %date% %time%

rem 5.x is Windows 2000, XP and 2003: no tasks by XML, another powercfg, another firewall.
set NT=
for /f "tokens=3" %%v in ('reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /v CurrentVersion ^| find "REG_SZ"') do set NT=%%v
set OLD=no
if "%NT:~0,2%"=="5." set OLD=yes
>>%LOG% echo Windows NT %NT%

set STEP=copy the agent
set PARTS=%SOURCE%agent
copy /b /y "%PARTS%\system.js"+"%PARTS%\server.js"+"%PARTS%\facts.js"+"%PARTS%\orders.js"+"%PARTS%\output.js"+"%PARTS%\jobs.js"+"%PARTS%\results.js"+"%PARTS%\lead.js"+"%PARTS%\main.js" %TARGET%\agent.js >>%LOG% 2>&1
call :must "agent.js"
if defined REASON goto failed
copy /y "%SOURCE%agent.cmd" %AGENT% >>%LOG% 2>&1
call :must "agent.cmd"
if defined REASON goto failed
copy /y "%SOURCE%service.xml" %TARGET%\service.xml >>%LOG% 2>&1
call :must "service.xml"
if defined REASON goto failed

call :step "allow Windows Script Host"
set KEY=HKLM\SOFTWARE\Microsoft\Windows Script Host\Settings
reg add "%KEY%" /v Enabled /t REG_DWORD /d 1 /f >>%LOG% 2>&1
call :must "reg add Enabled"
if defined REASON goto failed

call :step "start the agent at every logon"
set KEY=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run
reg add "%KEY%" /v vapiorc /t REG_SZ /d "wscript.exe //B //Nologo %ENGINE% %TARGET%\agent.js" /f >>%LOG% 2>&1
call :must "reg add Run"
if defined REASON goto failed

call :step "start the agent at every boot"
if "%OLD%"=="yes" goto booted
schtasks /create /tn vapiorc /xml %TARGET%\service.xml /f >>%LOG% 2>&1
call :must "schtasks"
if defined REASON goto failed
:booted

rem A VM is as its golden image is: it must not change, or restart, while somebody uses it.
call :step "no updates by themselves"
set KEY=HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU
reg add "%KEY%" /v NoAutoUpdate /t REG_DWORD /d 1 /f >>%LOG% 2>&1
call :must "reg add NoAutoUpdate"
if defined REASON goto failed
reg add "%KEY%" /v AUOptions /t REG_DWORD /d 2 /f >>%LOG% 2>&1
call :must "reg add AUOptions"
if defined REASON goto failed
reg add "%KEY%" /v NoAutoRebootWithLoggedOnUsers /t REG_DWORD /d 1 /f >>%LOG% 2>&1
call :must "reg add NoAutoRebootWithLoggedOnUsers"
if defined REASON goto failed
reg add "HKLM\SOFTWARE\Policies\Microsoft\WindowsStore" /v AutoDownload /t REG_DWORD /d 2 /f >>%LOG% 2>&1
call :must "reg add AutoDownload"
if defined REASON goto failed

rem Nobody is there to wake it. Without hibernation a shutdown is a whole one, as a golden image's disk needs it.
call :step "never sleep"
reg add "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Power" /v HiberbootEnabled /t REG_DWORD /d 0 /f >>%LOG% 2>&1
call :must "reg add HiberbootEnabled"
if defined REASON goto failed
if "%OLD%"=="yes" goto sleepless_xp
powercfg /change standby-timeout-ac 0 >>%LOG% 2>&1
call :must "powercfg standby"
if defined REASON goto failed
powercfg /change monitor-timeout-ac 0 >>%LOG% 2>&1
call :must "powercfg monitor"
if defined REASON goto failed
powercfg /change disk-timeout-ac 0 >>%LOG% 2>&1
call :may "powercfg disk"
powercfg /hibernate off >>%LOG% 2>&1
call :may "powercfg hibernate"
goto slept
:sleepless_xp
rem Scheme 3 is "Always On", whose name is translated; the number is not.
powercfg /numerical /setactive 3 >>%LOG% 2>&1
call :may "powercfg scheme"
powercfg /hibernate off >>%LOG% 2>&1
call :may "powercfg hibernate"
:slept

rem The hardware clock of the VM is its container's local time, as Windows expects it. Peers stay as Windows has them.
call :step "keep the time"
sc config w32time start= auto >>%LOG% 2>&1
call :must "sc config w32time"
if defined REASON goto failed
net start w32time >>%LOG% 2>&1
call :may "net start w32time"
w32tm /config /update >>%LOG% 2>&1
call :may "w32tm"

rem As the image has it: on, without network level authentication. The rule holds in every network, because a clone may see a new one.
call :step "allow Remote Desktop"
set KEY=HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server
reg add "%KEY%" /v fDenyTSConnections /t REG_DWORD /d 0 /f >>%LOG% 2>&1
call :must "reg add fDenyTSConnections"
if defined REASON goto failed
reg add "%KEY%\WinStations\RDP-Tcp" /v UserAuthentication /t REG_DWORD /d 0 /f >>%LOG% 2>&1
call :must "reg add UserAuthentication"
if defined REASON goto failed
if "%OLD%"=="yes" goto firewall_xp
netsh advfirewall firewall delete rule name=vapiorc-rdp >>%LOG% 2>&1
call :may "netsh delete"
netsh advfirewall firewall add rule name=vapiorc-rdp dir=in action=allow protocol=TCP localport=3389 profile=any >>%LOG% 2>&1
call :must "netsh add"
if defined REASON goto failed
goto firewalled
:firewall_xp
netsh firewall set portopening TCP 3389 vapiorc-rdp ENABLE ALL >>%LOG% 2>&1
call :may "netsh firewall"
:firewalled

call :step "ask nothing about networks"
reg add "HKLM\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff" /f >>%LOG% 2>&1
call :must "reg add NewNetworkWindowOff"
if defined REASON goto failed

rem Your own software: the files of "custom", by their names.
if not exist "%SOURCE%custom" goto customized
for /f "delims=" %%f in ('dir /b /a-d /on "%SOURCE%custom"') do call :count "%%~xf"
for /f "delims=" %%f in ('dir /b /a-d /on "%SOURCE%custom"') do call :hook "%%f"
if defined REASON goto failed
:customized

call :step "report"
>>%LOG% echo ---- installed
call :share
call %AGENT% installed
endlocal
exit /b 0

:failed
>>%LOG% echo ---- FAILED at: %STEP%: %REASON%
call :share
echo vapiorc install.bat FAILED at: %STEP%: %REASON%>COM1
if exist %AGENT% call %AGENT% failed "%STEP%" "%REASON%"
endlocal
exit /b 1

rem The next step begins: said in the log, on the share and to the server.
:step
set STEP=%~1
set /a DONE=%DONE%+1
>>%LOG% echo -- %STEP%
call :share
call %AGENT% progress "%STEP%" %DONE% %OF%
exit /b 0

rem After a command that must succeed: notes its exit code, and in REASON that it failed.
:must
set CODE=%errorlevel%
>>%LOG% echo %~1: exit code %CODE%
if not "%CODE%"=="0" set REASON=%~1: exit code %CODE%
exit /b 0

rem After a command that some Windows lack, or that says no when there is nothing to do.
:may
set CODE=%errorlevel%
>>%LOG% echo %~1: exit code %CODE% (either way)
exit /b 0

rem Nobody may be there to take it: the log in %TARGET% has it all.
:share
copy /y %LOG% \\host.lan\Data\install.log >nul 2>&1
exit /b 0

:count
if /i "%~1"==".bat" set /a OF=%OF%+1
if /i "%~1"==".cmd" set /a OF=%OF%+1
if /i "%~1"==".reg" set /a OF=%OF%+1
if /i "%~1"==".msi" set /a OF=%OF%+1
exit /b 0

rem One file of "custom", unless one before it failed. Its output goes to a file of its own, which a program that it leaves running may hold.
:hook
if defined REASON exit /b 0
set RUN=
if /i "%~x1"==".bat" set RUN=script
if /i "%~x1"==".cmd" set RUN=script
if /i "%~x1"==".reg" set RUN=registry
if /i "%~x1"==".msi" set RUN=package
if not defined RUN exit /b 0
call :step "custom\%~1"
set OUT=%TARGET%\hooks\%~1.log
cd /d "%SOURCE%custom"
goto hook_%RUN%

:hook_script
cmd /d /c "%~1" >"%OUT%" 2>&1
set CODE=%errorlevel%
goto hook_ended

:hook_registry
reg import "%~1" >"%OUT%" 2>&1
set CODE=%errorlevel%
goto hook_ended

:hook_package
rem It is waited for, as every program that a batch file starts.
msiexec.exe /i "%SOURCE%custom\%~1" /qn /norestart /l* "%OUT%"
set CODE=%errorlevel%
rem Done, but for a restart: every VM of this image starts after it.
if "%CODE%"=="3010" set CODE=0
if "%CODE%"=="1641" set CODE=0

:hook_ended
cd /d %TARGET%
if exist "%OUT%" type "%OUT%" >>%LOG%
>>%LOG% echo custom\%~1: exit code %CODE%
if not "%CODE%"=="0" set REASON=custom\%~1: exit code %CODE%
exit /b 0
