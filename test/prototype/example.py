import requests

# Assign a VM
response = requests.post("http://localhost:8000/api/vms/assign?assigned_to=task_123")
vm_info = response.json()

# Use the VM (noVNC web interface)
novnc_url = vm_info["novnc_url"]
rdp_port = vm_info["rdp_port"]

# Your automation code here...

# Release when done (VM will be destroyed for security)
requests.post(f"http://localhost:8000/api/vms/instances/{vm_info['instance_id']}/release")
