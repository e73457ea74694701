"""Pictures of policies and demonstrations in motion, drawn by Gymnasium without a screen."""
