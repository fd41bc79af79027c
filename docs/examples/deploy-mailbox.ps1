#Requires -Version 5.1
<#
.SYNOPSIS
Make a mailbox through the API of MXroute Manager, or of whatever speaks it.

.DESCRIPTION
MXM_URL and MXM_TOKEN say where and as whom. The token needs the permission "emails" on the domain.
Ends with 0 when the mailbox was made, 1 when the manager refused, 2 when the call makes no sense, 3 when the manager
could not be reached.

.EXAMPLE
$env:MXM_URL = "https://manager.example.com"
$env:MXM_TOKEN = "mxm_..."
./deploy-mailbox.ps1 -Domain example.com -Username alex -Password (Read-Host)
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [ValidatePattern('^[A-Za-z0-9.-]+$')] [string] $Domain,
    [Parameter(Mandatory = $true)] [string] $Username,
    [Parameter(Mandatory = $true)] [string] $Password,
    [ValidateRange(0, 2147483647)] [int] $Quota = 1024,
    [ValidateRange(0, 2147483647)] [int] $Limit = 9600
)

$ErrorActionPreference = 'Stop'

function Stop-With([string] $Reason, [int] $Code) {
    [Console]::Error.WriteLine("deploy-mailbox: $Reason")
    exit $Code
}

if (-not $env:MXM_URL) { Stop-With 'MXM_URL is not set, for example https://manager.example.com' 2 }
if (-not $env:MXM_TOKEN) { Stop-With 'MXM_TOKEN is not set' 2 }

$body = [ordered]@{ username = $Username; password = $Password; quota = $Quota; limit = $Limit } | ConvertTo-Json -Compress
$request = @{
    Method          = 'Post'
    Uri             = $env:MXM_URL.TrimEnd('/') + "/api/domains/$Domain/email-accounts"
    Headers         = @{ Authorization = "Bearer $($env:MXM_TOKEN)" }
    ContentType     = 'application/json'
    Body            = [System.Text.Encoding]::UTF8.GetBytes($body)
    TimeoutSec      = 60
    UseBasicParsing = $true
}

try {
    Invoke-WebRequest @request | Out-Null
}
catch {
    $response = $_.Exception.Response
    if ($null -eq $response) { Stop-With "$($env:MXM_URL) could not be reached" 3 }
    Stop-With "the manager answered $([int] $response.StatusCode): $($_.ErrorDetails.Message)" 1
}
"made $Username@$Domain"
