#Requires -Version 5.1
<#
.SYNOPSIS
Block a sender for a domain through the API of MXroute Manager, or of whatever speaks it.

.DESCRIPTION
MXM_URL and MXM_TOKEN say where and as whom. The entry is an address, or only what stands before the @. The token needs
the permission "spam" on the domain.
Ends with 0 when the sender is blocked (before or now), 1 when the manager refused, 2 when the call makes no sense,
3 when the manager could not be reached.

.EXAMPLE
$env:MXM_URL = "https://manager.example.com"
$env:MXM_TOKEN = "mxm_..."
./blacklist-sender.ps1 -Domain example.com -Entry karen@hr.example.com
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [ValidatePattern('^[A-Za-z0-9.-]+$')] [string] $Domain,
    [Parameter(Mandatory = $true)] [string] $Entry
)

$ErrorActionPreference = 'Stop'

function Stop-With([string] $Reason, [int] $Code) {
    [Console]::Error.WriteLine("blacklist-sender: $Reason")
    exit $Code
}

if (-not $env:MXM_URL) { Stop-With 'MXM_URL is not set, for example https://manager.example.com' 2 }
if (-not $env:MXM_TOKEN) { Stop-With 'MXM_TOKEN is not set' 2 }

$body = @{ entry = $Entry } | ConvertTo-Json -Compress
$request = @{
    Method          = 'Post'
    Uri             = $env:MXM_URL.TrimEnd('/') + "/api/domains/$Domain/spam/blacklist"
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
    if ([int] $response.StatusCode -eq 409) {
        "$Entry is blocked for $Domain already"
        exit 0
    }
    Stop-With "the manager answered $([int] $response.StatusCode): $($_.ErrorDetails.Message)" 1
}
"blocked $Entry for $Domain"
