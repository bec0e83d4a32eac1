curl -X POST http://localhost:8000/api/vms/golden-images?vm_type=11
curl -X POST http://localhost:8000/api/vms/golden-images/{golden_id}/ready
curl -X POST "http://localhost:8000/api/vms/assign?assigned_to=my_task_id"
